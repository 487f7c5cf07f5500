/* Linked with segments aligned to 2 MiB: exits with 0 if its object really is. */
#include <stdint.h>
static char object[64] __attribute__((aligned(0x200000))) = {1};
int main(void) {
  volatile uintptr_t address = (uintptr_t)object;
  return address % 0x200000 != 0 || object[0] != 1;
}
