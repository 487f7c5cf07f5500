// shmget(2), shmat(2), shmdt(2), shmctl(2), and what /proc tells of them.
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "report.h"

namespace {

constexpr size_t kPage = 4096;
void* const kFailed = reinterpret_cast<void*>(-1);

int make(size_t size = kPage, int mode = 0600) { return shmget(IPC_PRIVATE, size, IPC_CREAT | mode); }

// Where a segment goes is the kernel's choice.
char* attach(const char* text, int id, const void* address = nullptr, int flags = 0) {
  void* const at = shmat(id, address, flags);
  say("%s: %s", text, at == kFailed ? strerrorname_np(errno) : "attached");
  return at == kFailed ? nullptr : static_cast<char*>(at);
}

void show_status(int id) {
  struct shmid_ds status = {};
  if (report("IPC_STAT", shmctl(id, IPC_STAT, &status)) != 0) return;
  say("  size %zu attachments %lu mode %o uid %u gid %u attached %d detached %d, made by me %d, last by me %d",
      status.shm_segsz, status.shm_nattch, status.shm_perm.mode, status.shm_perm.uid, status.shm_perm.gid,
      status.shm_atime != 0, status.shm_dtime != 0, status.shm_cpid == getpid(), status.shm_lpid == getpid());
}

unsigned long attachments(int id) {
  struct shmid_ds status = {};
  return shmctl(id, IPC_STAT, &status) == 0 ? status.shm_nattch : 999;
}

void getting() {
  const key_t key = static_cast<key_t>(0x4c440000 + getpid());
  TRY(shmget(key, kPage, 0600));
  const int id = shmget(key, 100, IPC_CREAT | IPC_EXCL | 0640);
  say("made: %d, found: %d %d", id >= 0, shmget(key, 0, 0) == id, shmget(key, 100, IPC_CREAT) == id);
  TRY(shmget(key, 100, IPC_CREAT | IPC_EXCL | 0640));
  TRY(shmget(key, 101, 0));
  TRY(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
  TRY(shmget(IPC_PRIVATE, SIZE_MAX, IPC_CREAT | 0600));
  TRY(shmget(IPC_PRIVATE, size_t{1} << 46U, IPC_CREAT | 0600));
  show_status(id);
  struct shmid_ds status = {};
  shmctl(id, IPC_STAT, &status);
  status.shm_perm.mode = 0444;
  status.shm_perm.uid = 77;
  TRY(shmctl(id, IPC_SET, &status));
  show_status(id);
  TRY(shmctl(id, IPC_SET, reinterpret_cast<struct shmid_ds*>(bad_pointer)));
  TRY(shmctl(id, 99, &status));
  TRY(shmctl(-1, IPC_STAT, &status));
  say("by index: %d", shmctl(id % 32768, SHM_STAT, &status) == id);
  struct shminfo limits = {};
  say("limits: %d", shmctl(0, IPC_INFO, reinterpret_cast<struct shmid_ds*>(&limits)) >= id % 32768);
  say("  least %lu segments %d", limits.shmmin, limits.shmmni == limits.shmseg);
  struct shm_info usage = {};
  say("usage: %d", shmctl(0, SHM_INFO, reinterpret_cast<struct shmid_ds*>(&usage)) >= id % 32768);
  say("  used %d pages %d", usage.used_ids > 0, usage.shm_tot > 0);
  TRY(shmctl(id, IPC_RMID, nullptr));
  TRY(shmctl(id, IPC_RMID, nullptr));
  attach("removed", id);
  attach("never made", -1);
}

void sharing() {
  const int id = make(2 * kPage + 1);
  char* const one = attach("first", id);
  char* const two = attach("second", id);
  strcpy(one, "hello");
  say("seen: %s, the last byte %d, and past the size %d", two, two[2 * kPage], two[3 * kPage - 1]);
  show_status(id);
  in_child([=] {
    strcpy(one, "from the child");
    say("in the child: %lu", attachments(id));
  });
  say("seen: %s", two);
  say("after the child: %lu", attachments(id));
  TRY(shmdt(one));
  TRY(shmdt(one));
  TRY(shmdt(two + 1));
  TRY(shmdt(two + kPage));
  say("left: %lu", attachments(id));
  say("still there: %s", two);
  TRY(munmap(two, kPage));
  say("a part unmapped: %lu", attachments(id));
  TRY(shmdt(two));
  show_status(id);
  char* const again = attach("again", id);
  say("kept: %s", again);
  TRY(mprotect(again + kPage, kPage, PROT_READ));
  say("in three pieces: %lu", attachments(id));
  TRY(shmdt(again));
  say("all of them gone: %lu", attachments(id));
  TRY(shmctl(id, IPC_RMID, nullptr));
}

void placing() {
  const int id = make(2 * kPage);
  char* const room = static_cast<char*>(mmap(nullptr, 16 * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  attach("occupied", id, room);
  attach("not aligned", id, room + 100);
  attach("rounded but occupied", id, room + 100, SHM_RND);
  munmap(room + 4 * kPage, 2 * kPage);
  char* const fixed = attach("in the gap", id, room + 4 * kPage);
  say("  there: %d", fixed == room + 4 * kPage);
  char* const over = attach("over what is there", id, room + 8 * kPage, SHM_REMAP);
  say("  there: %d", over == room + 8 * kPage);
  char* const rounded = attach("rounded over what is there", id, room + 10 * kPage + 5, SHM_REMAP | SHM_RND);
  say("  there: %d", rounded == room + 10 * kPage);
  attach("anywhere but over what is there", id, nullptr, SHM_REMAP);
  attach("beyond the end", id, reinterpret_cast<void*>(0x7ffffffff000));
  attach("around the end", id, reinterpret_cast<void*>(0xfffffffffffff000));
  say("attached: %lu", attachments(id));
  TRY(shmdt(fixed));
  TRY(shmdt(over));
  TRY(shmdt(rounded));
  TRY(shmctl(id, IPC_RMID, nullptr));
}

void reading_only() {
  const int id = make();
  strcpy(attach("writable", id), "text");
  char* const at = attach("read-only", id, nullptr, SHM_RDONLY);
  say("read: %s", at);
  TRY(mprotect(at, kPage, PROT_READ | PROT_WRITE));
  in_child([=] { *at = 'x'; });
  char* const code = attach("executable", id, nullptr, SHM_EXEC);
  say("refused without the permission: %d", code == nullptr);
  TRY(shmctl(id, IPC_RMID, nullptr));
  const int executable = make(kPage, 0700);
  char* const run = attach("executable", executable, nullptr, SHM_EXEC);
  run[0] = '\xc3';
  reinterpret_cast<void (*)()>(run)();
  say("executed");
  TRY(shmctl(executable, IPC_RMID, nullptr));
}

// A segment that is removed lives while it is attached.
void removing() {
  const key_t key = static_cast<key_t>(0x4c450000 + getpid());
  const int id = shmget(key, kPage, IPC_CREAT | 0600);
  char* const at = attach("first", id);
  strcpy(at, "alive");
  TRY(shmctl(id, IPC_RMID, nullptr));
  TRY(shmget(key, 0, 0));
  show_status(id);
  say("read: %s", at);
  char* const more = attach("once more", id);
  say("read: %s", more);
  TRY(shmdt(at));
  say("left: %lu", attachments(id));
  TRY(shmdt(more));
  TRY(shmctl(id, IPC_RMID, nullptr));
  const int inherited = make();
  char* const mine = attach("to be inherited", inherited);
  int gate[2];
  if (pipe(gate) != 0) return;
  const pid_t holder = child([&] {
    char byte;
    close(gate[1]);
    if (read(gate[0], &byte, 1) < 0) _exit(1);
  });
  close(gate[0]);
  TRY(shmctl(inherited, IPC_RMID, nullptr));
  TRY(shmdt(mine));
  say("held by the child: %lu", attachments(inherited));
  close(gate[1]);
  waitpid(holder, nullptr, 0);
  for (int i = 0; i < 500 && attachments(inherited) != 999; ++i) usleep(10'000);
  TRY(shmctl(inherited, IPC_RMID, nullptr));
}

void permissions() {
  const int secret = make(kPage, 0600);
  const int readable = make(kPage, 0604);
  in_child(
      [=] {
        struct shmid_ds status = {};
        attach("secret", secret);
        attach("readable, to be written", readable);
        char* const at = attach("readable", readable, nullptr, SHM_RDONLY);
        TRY(shmdt(at));
        TRY(shmctl(secret, IPC_STAT, &status));
        TRY(shmctl(readable, IPC_STAT, &status));
        TRY(shmctl(readable, IPC_SET, &status));
        TRY(shmctl(readable, IPC_RMID, nullptr));
        TRY(shmctl(readable, SHM_LOCK, nullptr));
        say("any: %d", shmctl(secret % 32768, SHM_STAT_ANY, &status) == secret);
        TRY(shmctl(secret % 32768, SHM_STAT, &status));
      },
      1000, 1000);
  TRY(shmctl(readable, SHM_LOCK, nullptr));
  show_status(readable);
  TRY(shmctl(readable, SHM_UNLOCK, nullptr));
  show_status(readable);
  TRY(shmctl(secret, IPC_RMID, nullptr));
  TRY(shmctl(readable, IPC_RMID, nullptr));
}

void show_in_proc(int id) {
  FILE* const table = fopen("/proc/sysvipc/shm", "r");
  char line[512] = {};
  if (table == nullptr || fgets(line, sizeof line, table) == nullptr) return;
  say("heading: %.60s", line);
  while (fgets(line, sizeof line, table) != nullptr) {
    long key = 0, number = 0, mode = 0, size = 0, creator = 0, last = 0, attached = 0, uid = 0, gid = 0, cuid = 0, cgid = 0;
    if (sscanf(line, "%ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld", &key, &number, &mode, &size, &creator, &last, &attached,
               &uid, &gid, &cuid, &cgid) != 11 ||
        number != id) {
      continue;
    }
    say("  key %lx mode %ld size %ld mine %d %d attached %ld uid %ld %ld gid %ld %ld, %zu characters", key, mode, size,
        creator == getpid(), last == getpid(), attached, uid, cuid, gid, cgid, strlen(line));
  }
  fclose(table);
}

void show_in_maps(const char* at) {
  FILE* const maps = fopen("/proc/self/maps", "r");
  char line[512];
  while (maps != nullptr && fgets(line, sizeof line, maps) != nullptr) {
    if (strtoul(line, nullptr, 16) != reinterpret_cast<unsigned long>(at)) continue;
    const char* const name = strchr(line, '/');
    say("mapped: %.4s %s", strchr(line, ' ') + 1, name == nullptr ? "?\n" : name);
  }
  if (maps != nullptr) fclose(maps);
}

void in_proc() {
  const int id = shmget(0x4c46, 12345, IPC_CREAT | 0644);
  char* const at = attach("one", id);
  show_in_proc(id);
  show_in_maps(at);
  TRY(shmctl(id, IPC_RMID, nullptr));
  show_in_proc(id);
  TRY(shmdt(at));
}

// What the program does when it has executed itself.
int after_exec(const char* argument) {
  say("after exec: %lu", attachments(atoi(argument)));
  return 0;
}

void executing() {
  const int id = make();
  attach("before exec", id);
  in_child([=] {
    char number[16];
    sprintf(number, "%d", id);
    say("in the child: %lu", attachments(id));
    fflush(stdout);
    execl("/program", "program", number, nullptr);
  });
  say("after all: %lu", attachments(id));
  TRY(shmctl(id, IPC_RMID, nullptr));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return after_exec(argv[1]);
  setvbuf(stdout, nullptr, _IOFBF, 1U << 16U);
  getting();
  sharing();
  placing();
  reading_only();
  removing();
  permissions();
  in_proc();
  executing();
  return 0;
}
