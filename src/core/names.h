/* Names of enum values: a table, and a word for what is out of its range. */
#ifndef IMAGATE_CORE_NAMES_H
#define IMAGATE_CORE_NAMES_H

#include <stddef.h>

#define NAME_OF(table, value)                                                                      \
	((size_t)(value) < sizeof(table) / sizeof((table)[0]) && (table)[value] ? (table)[value] : "?")
#define NAMES_COMPLETE(table, count)                                                               \
	_Static_assert(sizeof(table) / sizeof((table)[0]) == (size_t)(count), "a value has no name")

#endif
