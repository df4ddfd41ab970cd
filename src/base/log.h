/* Lines for a person, to stderr with an sd-daemon priority prefix ("<3>") where stderr goes
 * to the journal, plain otherwise. Preserves errno. Only main programs log; rooms return. */
#ifndef IMAGATE_BASE_LOG_H
#define IMAGATE_BASE_LOG_H

void log_set_prefix(const char *prefix); /* "imagate" by default */
__attribute__((format(printf, 1, 2))) void log_error(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_warning(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_notice(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_debug(const char *fmt, ...); /* IMAGATE_DEBUG=1 */

#endif
