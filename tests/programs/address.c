/* Overruns a heap block when it is given an argument: AddressSanitizer must notice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char** argv) {
  char* const block = malloc(8);
  strcpy(block, argc > 1 ? argv[1] : "short");
  puts(block);
  free(block);
  return 0;
}
