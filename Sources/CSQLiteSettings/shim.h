#include <sqlite3.h>

// Settings that SQLite takes through variadic functions, which Swift can't call.

// No count of all memory in use, for which every allocation of every thread locks a mutex. Before anything else.
static inline int casecluster_sqlite_without_memory_count(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}
