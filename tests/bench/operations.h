// The operations that are measured, by name: one call to the kernel, or a few that belong together.
#pragma once

struct operation {
  const char* name;
  void (*perform)(void);  // ends the process if it fails
  int per_batch;          // how many last long enough for a clock
};

const struct operation* find_operation(const char* name);  // NULL: there is none of that name
void fail(const char* what);
