/* Prints what a program can see of how it was started. Addresses are printed as the relations that Linux guarantees, so that
 * two runs can be compared. */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

extern char end[];
extern const char __ehdr_start[];
extern void _start(void);

static int zeroed[5000];
static int initialised = 42;

static void print_file(const char* label, const char* path) {
  char bytes[4096];
  const int fd = open(path, O_RDONLY);
  printf("%s=", label);
  ssize_t size;
  while ((size = read(fd, bytes, sizeof(bytes))) > 0) {
    for (ssize_t i = 0; i < size; ++i) putchar(bytes[i] == 0 ? '|' : bytes[i]);
  }
  putchar('\n');
  close(fd);
}

/* Fields of /proc/self/stat, from 1. */
static uint64_t stat_field(int wanted) {
  char bytes[2048] = {0};
  const int fd = open("/proc/self/stat", O_RDONLY);
  if (read(fd, bytes, sizeof(bytes) - 1) <= 0) return 0;
  close(fd);
  char* at = strrchr(bytes, ')') + 1;
  for (int field = 3; field < wanted; ++field) at = strchr(at + 1, ' ');
  return strtoull(at, NULL, 10);
}

int main(int argc, char** argv, char** envp) {
  printf("argc=%d\n", argc);
  for (int i = 0; i < argc && i < 40; ++i) printf("argv=%s\n", argv[i]);
  printf("argv end=%d\n", argv[argc] == NULL);
  int count = 0;
  while (envp[count] != NULL) ++count;
  printf("environment=%d\n", count);
  for (int i = 0; i < count && i < 40; ++i) printf("env=%s\n", envp[i]);
  printf("stack aligned=%d\n", ((uintptr_t)(argv - 1) & 15) == 0);

  int zeroes = 0;
  for (unsigned i = 0; i < sizeof(zeroed) / sizeof(zeroed[0]); ++i) zeroes += zeroed[i] == 0;
  printf("bss=%d data=%d\n", zeroes == 5000, initialised == 42);

  const ElfW(auxv_t)* entry = (const ElfW(auxv_t)*)(envp + count + 1);
  for (; entry->a_type != AT_NULL; ++entry) printf("aux type=%lu\n", (unsigned long)entry->a_type);
  const uintptr_t image = (uintptr_t)__ehdr_start;
  printf("phdr=%d phent=%lu entry=%d\n", getauxval(AT_PHDR) == image + ((const ElfW(Ehdr)*)image)->e_phoff, getauxval(AT_PHENT),
         getauxval(AT_ENTRY) == (uintptr_t)_start);
  printf("phnum=%d\n", getauxval(AT_PHNUM) == ((const ElfW(Ehdr)*)image)->e_phnum);
  const uintptr_t base = getauxval(AT_BASE);
  printf("interpreter=%d\n", base != 0 && memcmp((const void*)base, ELFMAG, SELFMAG) == 0);
  printf("execfn=%s platform=%s\n", (const char*)getauxval(AT_EXECFN), (const char*)getauxval(AT_PLATFORM));
  const uint64_t* const random = (const uint64_t*)getauxval(AT_RANDOM);
  printf("random=%d\n", random[0] != 0 && random[1] != 0);
  printf("hwcap=%lx,%lx pagesz=%lu clktck=%lu flags=%lu secure=%lu\n", getauxval(AT_HWCAP), getauxval(AT_HWCAP2),
         getauxval(AT_PAGESZ), getauxval(AT_CLKTCK), getauxval(AT_FLAGS), getauxval(AT_SECURE));

  const uintptr_t heap = (uintptr_t)sbrk(0);
  const int own_heap = heap - (uintptr_t)end < (1UL << 30) + (1UL << 26);
  const int heap_of_static_pie = heap - 0x555555554000UL < (1UL << 30) + (1UL << 26);
  printf("heap=%d\n", own_heap || heap_of_static_pie);
  void* const block = malloc(100);
  printf("malloc on heap=%d\n", (uintptr_t)block - heap < (1UL << 20) || (uintptr_t)block - stat_field(47) < (1UL << 20));
  free(block);
  /* 26 start_code, 27 end_code, 28 start_stack, 45 start_data, 46 end_data, 47 start_brk, 48.. arg and env bounds */
  const uintptr_t code = (uintptr_t)&main;
  printf("code bounds=%d\n", stat_field(26) <= code && code < stat_field(27));
  printf("data bounds=%d\n", stat_field(45) <= (uintptr_t)&initialised && (uintptr_t)&initialised < stat_field(46));
  printf("stack start=%d\n", stat_field(28) == (uintptr_t)(argv - 1));
  printf("brk start=%d\n", stat_field(47) <= heap && heap - stat_field(47) < (1UL << 20));
  printf("argument bounds=%d\n", argc == 0 || stat_field(48) == (uintptr_t)argv[0]);
  printf("environment bounds=%d\n", count == 0 || stat_field(50) == (uintptr_t)envp[0]);
  if (argc < 100) {
    print_file("cmdline", "/proc/self/cmdline");
    print_file("environ", "/proc/self/environ");
  }
  /* The saved vector is what a debugger and the dynamic linker of a core file go by. */
  ElfW(auxv_t) saved[64];
  const int fd = open("/proc/self/auxv", O_RDONLY);
  const ssize_t size = read(fd, saved, sizeof(saved));
  const ElfW(auxv_t)* const own = (const ElfW(auxv_t)*)(envp + count + 1);
  int same = size > 0;
  for (ssize_t i = 0; i < size / (ssize_t)sizeof(saved[0]) && own[i].a_type != AT_NULL; ++i) {
    same &= saved[i].a_type == own[i].a_type && saved[i].a_un.a_val == own[i].a_un.a_val;
  }
  printf("saved auxv=%d\n", same);
  close(fd);
  char name[16];
  prctl(PR_GET_NAME, name);
  printf("comm=%s\n", name);
  printf("lowest free fd=%d\n", dup(1));
  return 0;
}
