/* What cmocka wants included first, once. */
#ifndef IMAGATE_TESTS_UNIT_TEST_H
#define IMAGATE_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#endif
