// One micro-benchmark, run natively or inside a container: prints nanoseconds per operation of each batch, one a line.
//
//   micro NAME [BATCHES]     NAME: one of operations.c
//
// A static program, so that it runs alike in any tree.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "operations.h"

int main(int argc, char** argv) {
  const struct operation* operation = argc < 2 ? NULL : find_operation(argv[1]);
  if (operation == NULL) return 2;
  const int batches = argc > 2 ? atoi(argv[2]) : 9;
  operation->perform();
  for (int batch = 0; batch < batches; ++batch) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int n = 0; n < operation->per_batch; ++n) operation->perform();
    clock_gettime(CLOCK_MONOTONIC, &to);
    const double elapsed = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    printf("%.0f\n", elapsed / operation->per_batch);
  }
  return 0;
}
