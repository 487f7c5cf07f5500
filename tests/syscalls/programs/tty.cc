// A terminal as a thing that is held: every request of ioctl_tty(2) that a pseudo terminal answers, pts(4), and hang-up.
#include <asm/termbits.h>
#include <dirent.h>
#include <linux/serial.h>
#include <sys/socket.h>

#include "terminals.h"

namespace {

void show_termios(const char* who, int fd) {
  struct termios2 now = {};
  if (TRY(ioctl(fd, TCGETS2, &now)) != 0) return;
  printf("  %s: i %o o %o c %o l %o line %d speeds %u %u cc", who, now.c_iflag, now.c_oflag, now.c_cflag, now.c_lflag,
         now.c_line, now.c_ispeed, now.c_ospeed);
  for (const unsigned char character : now.c_cc) printf(" %d", character);
  say("");
}

void names() {
  const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  TRY(master >= 0);
  int number = -1;
  TRY(ioctl(master, TIOCGPTN, &number));
  char path[32];
  snprintf(path, sizeof path, "/dev/pts/%d", number);
  int locked = -1;
  TRY(ioctl(master, TIOCGPTLCK, &locked));
  say("locked %d", locked);
  TRY(open(path, O_RDWR | O_NOCTTY));
  TRY(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
  TRY(ioctl(master, TIOCSPTLCK, bad_pointer));
  locked = 0;
  TRY(ioctl(master, TIOCSPTLCK, &locked));
  locked = -1;
  TRY(ioctl(master, TIOCGPTLCK, &locked));
  say("locked %d", locked);
  const int slave = open(path, O_RDWR | O_NOCTTY);
  const int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  say("opened %d, peer %d closes on exec %d", slave >= 0, peer >= 0, fcntl(peer, F_GETFD));
  for (const int fd : {slave, peer, master}) {
    struct stat status = {};
    TRY(fstat(fd, &status));
    const unsigned minor_number = minor(status.st_rdev);
    say("  mode %o uid %u gid %u device %u:%s", status.st_mode, status.st_uid, fd == master ? 0 : status.st_gid,
        major(status.st_rdev),
        minor_number != static_cast<unsigned>(fd == master ? 2 : number) ? "?"
        : fd == master                                                   ? "2"
                                                                         : "n");
    char link[64];
    char target[64] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    (void)!readlink(link, target, sizeof target - 1);
    say("  is called %s", strcmp(target, path) == 0 ? "by its path" : target);
  }
  struct stat status = {};
  TRY(stat(path, &status));
  say("  mode %o uid %u gid %u device %u", status.st_mode, status.st_uid, status.st_gid, major(status.st_rdev));
  unsigned device = 0;
  TRY(ioctl(slave, TIOCGDEV, &device));
  say("  as the open one %d", status.st_rdev == makedev(device >> 8U & 0xfffU, (device & 0xffU) | (device >> 12U & 0xfff00U)));
  TRY(ioctl(slave, TIOCGPTN, &number));
  TRY(ioctl(slave, TIOCGPTPEER, O_RDWR));
  TRY(ioctl(slave, TIOCSPTLCK, &locked));
  TRY(chmod(path, 0600));
  TRY(stat(path, &status));
  say("  mode %o", status.st_mode);
  TRY(unlink(path) == -1);
  int terminals = 0;
  DIR* directory = opendir("/dev/pts");
  while (const dirent* entry = directory != nullptr ? readdir(directory) : nullptr) {
    terminals += entry->d_name[0] != '.' && strcmp(entry->d_name, "ptmx") != 0 ? 1 : 0;
  }
  closedir(directory);
  say("terminals: %d", terminals);
  for (const int fd : {master, slave, peer}) close(fd);
  TRY(access(path, F_OK));
}

void modes() {
  const Pair pair;
  show_termios("slave", pair.slave);
  show_termios("master", pair.master);
  struct termios old = {};
  TRY(ioctl(pair.slave, TCGETS, &old));
  old.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  old.c_cc[VEOF] = 1;
  TRY(ioctl(pair.slave, TCSETS, &old));
  show_termios("no echo", pair.slave);
  old.c_oflag = 0;
  TRY(ioctl(pair.slave, TCSETSW, &old));
  old.c_iflag = 0;
  TRY(ioctl(pair.master, TCSETSF, &old));
  show_termios("raw", pair.slave);
  struct termios2 speeds = {};
  TRY(ioctl(pair.slave, TCGETS2, &speeds));
  speeds.c_cflag = (speeds.c_cflag & ~static_cast<tcflag_t>(CBAUD)) | BOTHER;
  speeds.c_ospeed = speeds.c_ispeed = 12345;
  TRY(ioctl(pair.slave, TCSETS2, &speeds));
  show_termios("own speed", pair.slave);
  speeds.c_cflag = CS5 | PARENB;  // a pseudo terminal keeps eight bits
  TRY(ioctl(pair.slave, TCSETSW2, &speeds));
  TRY(ioctl(pair.slave, TCSETSF2, &speeds));
  show_termios("five bits", pair.slave);
  struct termio short_one = {};
  TRY(ioctl(pair.slave, TCGETA, &short_one));
  say("  i %o o %o c %o l %o", short_one.c_iflag, short_one.c_oflag, short_one.c_cflag, short_one.c_lflag);
  short_one.c_lflag = ICANON;
  TRY(ioctl(pair.slave, TCSETA, &short_one));
  TRY(ioctl(pair.slave, TCSETAW, &short_one));
  TRY(ioctl(pair.slave, TCSETAF, &short_one));
  show_termios("short", pair.slave);
  TRY(ioctl(pair.slave, TCGETS, bad_pointer));
  TRY(ioctl(pair.slave, TCSETS, bad_pointer));
  TRY(ioctl(pair.slave, TCGETS2, null_pointer));
  int value = -1;
  TRY(ioctl(pair.slave, TIOCGETD, &value));
  say("  discipline %d", value);
  value = 0;
  TRY(ioctl(pair.slave, TIOCSETD, &value));
  TRY(ioctl(pair.slave, TIOCSETD, bad_pointer));
  struct termios lock = {};
  TRY(ioctl(pair.slave, TIOCGLCKTRMIOS, &lock));
  say("  locked %o", lock.c_lflag);
  TRY(ioctl(pair.slave, TIOCSLCKTRMIOS, &lock));
  TRY(ioctl(pair.slave, TIOCGSOFTCAR, &value));
  say("  soft carrier %d", value);
  value = 1;
  TRY(ioctl(pair.slave, TIOCSSOFTCAR, &value));
  TRY(ioctl(pair.slave, TIOCGSOFTCAR, &value));
  say("  soft carrier %d", value);
}

void sizes() {
  const Pair pair;
  struct winsize size = {};
  TRY(ioctl(pair.slave, TIOCGWINSZ, &size));
  say("  %u x %u, %u x %u", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
  size = {24, 80, 640, 480};
  TRY(ioctl(pair.master, TIOCSWINSZ, &size));
  size = {};
  TRY(ioctl(pair.slave, TIOCGWINSZ, &size));
  say("  %u x %u, %u x %u", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
  size.ws_row = 50;
  TRY(ioctl(pair.slave, TIOCSWINSZ, &size));
  size = {};
  TRY(ioctl(pair.master, TIOCGWINSZ, &size));
  say("  %u x %u", size.ws_row, size.ws_col);
  TRY(ioctl(pair.slave, TIOCGWINSZ, bad_pointer));
  TRY(ioctl(pair.slave, TIOCSWINSZ, bad_pointer));
}

void show_queues(const Pair& pair) {
  int values[4] = {-1, -1, -1, -1};
  ioctl(pair.slave, FIONREAD, &values[0]);
  ioctl(pair.master, FIONREAD, &values[1]);
  ioctl(pair.slave, TIOCOUTQ, &values[2]);
  ioctl(pair.master, TIOCOUTQ, &values[3]);
  say("  to read: slave %d, master %d; to be sent: slave %d, master %d", values[0], values[1], values[2], values[3]);
}

void queues() {
  const Pair pair;
  show_queues(pair);
  put(pair.master, "typed\n");
  readable(pair.slave);
  readable(pair.master);
  show_queues(pair);
  show_read("master", pair.master);
  show_read("slave", pair.slave);
  put(pair.slave, "out\n");
  show_read("master", pair.master);
  put(pair.master, "half a line");
  show_read("echo", pair.master);
  show_queues(pair);
  put(pair.master, "\x15line\x7f\x7fke\n");  // ^U, and the character that erases
  show_read("echo", pair.master);
  show_read("slave", pair.slave);
  put(pair.master, "flushed\n");
  readable(pair.slave);
  TRY(ioctl(pair.slave, TCFLSH, TCIFLUSH));
  show_queues(pair);
  TRY(ioctl(pair.slave, TCFLSH, TCOFLUSH));
  TRY(ioctl(pair.slave, TCFLSH, TCIOFLUSH));
  TRY(ioctl(pair.slave, TCFLSH, 9));
  TRY(ioctl(pair.slave, TCSBRK, 1));
  TRY(ioctl(pair.slave, TCSBRK, 0));
  TRY(ioctl(pair.slave, TCSBRKP, 0));
  TRY(ioctl(pair.slave, TIOCSBRK, 0));
  TRY(ioctl(pair.slave, TIOCCBRK, 0));
  TRY(ioctl(pair.slave, TCXONC, TCOOFF));
  TRY(ioctl(pair.slave, TCXONC, TCOON));
  TRY(ioctl(pair.slave, TCXONC, 9));
  put(pair.master, "\x04");
  show_read("slave", pair.slave);
  int on = 1;
  TRY(ioctl(pair.slave, FIONBIO, &on));
  char byte = 0;
  TRY(read(pair.slave, &byte, 1));
  TRY(ioctl(pair.slave, FIONREAD, bad_pointer));
}

void packets() {
  const Pair pair;
  int on = 1;
  TRY(ioctl(pair.slave, TIOCPKT, &on));
  TRY(ioctl(pair.master, TIOCPKT, bad_pointer));
  TRY(ioctl(pair.master, TIOCPKT, &on));
  int value = -1;
  TRY(ioctl(pair.master, TIOCGPKT, &value));
  say("  %d", value);
  put(pair.slave, "data");
  show_read("master", pair.master);
  TRY(ioctl(pair.slave, TCFLSH, TCIFLUSH));
  show_read("master", pair.master);
  struct termios raw = {};
  ioctl(pair.slave, TCGETS, &raw);
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON);
  TRY(ioctl(pair.slave, TCSETS, &raw));
  show_read("master", pair.master);
  on = 0;
  TRY(ioctl(pair.master, TIOCPKT, &on));
  put(pair.slave, "data");
  show_read("master", pair.master);
  TRY(ioctl(pair.master, TIOCSIG, SIGINT));
  TRY(ioctl(pair.master, TIOCSIG, 0));
  TRY(ioctl(pair.master, TIOCSIG, 1000));
  TRY(ioctl(pair.slave, TIOCSIG, SIGINT));
}

void exclusive() {
  const Pair pair;
  int value = -1;
  TRY(ioctl(pair.slave, TIOCGEXCL, &value));
  say("  %d", value);
  TRY(ioctl(pair.slave, TIOCEXCL, 0));
  TRY(ioctl(pair.slave, TIOCGEXCL, &value));
  say("  %d", value);
  TRY_OPEN(open(pair.name, O_RDWR | O_NOCTTY) < 0 ? -1 : 99);
  TRY(ioctl(pair.slave, TIOCNXCL, 0));
  TRY(open(pair.name, O_RDWR | O_NOCTTY) >= 0);
}

struct Request {
  const char* name;
  unsigned long number;
};

// What a pseudo terminal does not know, or nobody without privilege may do.
constexpr Request kForeign[] = {
    {"TIOCMGET", TIOCMGET},
    {"TIOCMSET", TIOCMSET},
    {"TIOCMBIS", TIOCMBIS},
    {"TIOCMBIC", TIOCMBIC},
    {"TIOCMIWAIT", TIOCMIWAIT},
    {"TIOCGICOUNT", TIOCGICOUNT},
    {"TIOCGSERIAL", TIOCGSERIAL},
    {"TIOCSERGETLSR", TIOCSERGETLSR},
    {"TIOCGRS485", TIOCGRS485},
    {"TIOCSERCONFIG", TIOCSERCONFIG},
    {"TCGETX", TCGETX},
    {"TCSETX", TCSETX},
    {"TIOCLINUX", TIOCLINUX},
    {"TIOCCONS", TIOCCONS},
    {"TIOCVHANGUP", TIOCVHANGUP},
    {"TIOCSERGWILD", TIOCSERGWILD},
    {"KDGETMODE", 0x4B3B},
    {"KDSKBSENT", 0x4B49},
    {"VT_OPENQRY", 0x5600},
    {"VT_ACTIVATE", 0x5606},
    {"no such request", 0x54FF},
    {"BLKGETSIZE", 0x1260},
    {"FS_IOC_GETFLAGS", 0x80086601},
};

void foreign() {
  const Pair pair;
  char buffer[256] = {};
  for (const Request& request : kForeign) {
    for (const int fd : {pair.slave, pair.master}) {
      char text[64];
      snprintf(text, sizeof text, "%s: %s", fd == pair.slave ? "slave" : "master", request.name);
      report(text, ioctl(fd, request.number, buffer));
    }
  }
  TRY(vhangup());
}

constexpr Request kOfTerminals[] = {
    {"TCGETS", TCGETS},           {"TCSETS", TCSETS},           {"TCGETS2", TCGETS2},     {"TCGETA", TCGETA},
    {"TCSBRK", TCSBRK},           {"TCFLSH", TCFLSH},           {"TCXONC", TCXONC},       {"TIOCGWINSZ", TIOCGWINSZ},
    {"TIOCSWINSZ", TIOCSWINSZ},   {"TIOCSCTTY", TIOCSCTTY},     {"TIOCNOTTY", TIOCNOTTY}, {"TIOCGPGRP", TIOCGPGRP},
    {"TIOCSPGRP", TIOCSPGRP},     {"TIOCGSID", TIOCGSID},       {"TIOCPKT", TIOCPKT},     {"TIOCGPTN", TIOCGPTN},
    {"TIOCSPTLCK", TIOCSPTLCK},   {"TIOCGPTPEER", TIOCGPTPEER}, {"TIOCEXCL", TIOCEXCL},   {"TIOCGETD", TIOCGETD},
    {"TIOCSETD", TIOCSETD},       {"TIOCSTI", TIOCSTI},         {"TIOCLINUX", TIOCLINUX}, {"TIOCCONS", TIOCCONS},
    {"TIOCVHANGUP", TIOCVHANGUP}, {"TIOCGDEV", TIOCGDEV},       {"TIOCSIG", TIOCSIG},     {"TIOCGEXCL", TIOCGEXCL},
};

void no_terminals() {
  int ends[2];
  if (pipe(ends) != 0) return;
  put_file("file", "content");
  const struct {
    const char* name;
    int fd;
  } kinds[] = {{"pipe", ends[0]},
               {"file", open("file", O_RDWR)},
               {"directory", open(".", O_RDONLY | O_DIRECTORY)},
               {"null", open("/dev/null", O_RDWR)},
               {"socket", socket(AF_UNIX, SOCK_STREAM, 0)},
               {"nothing", 999}};
  for (const auto& kind : kinds) {
    for (const Request& request : kOfTerminals) {
      char buffer[256] = {};
      char text[64];
      snprintf(text, sizeof text, "%s: %s", kind.name, request.name);
      report(text, ioctl(kind.fd, request.number, buffer));
    }
    if (kind.fd != 999) close(kind.fd);
  }
  close(ends[1]);
}

void hang_up() {
  Pair pair;
  put(pair.master, "left behind\n");
  readable(pair.slave);
  pair.close_master();
  show_read("slave", pair.slave);
  TRY(write(pair.slave, "x", 1));
  pollfd entry = {pair.slave, POLLIN | POLLOUT, 0};
  TRY(poll(&entry, 1, 0));
  say("  %x", entry.revents);
  for (const Request& request : kOfTerminals) {
    char buffer[256] = {};
    if (request.number == TIOCSTI) continue;
    report(request.name, ioctl(pair.slave, request.number, buffer));
  }
  TRY(open(pair.name, O_RDWR));
  Pair other;
  other.close_slave();
  char byte = 0;
  TRY(read(other.master, &byte, 1));
  entry = {other.master, POLLIN | POLLOUT, 0};
  TRY(poll(&entry, 1, 0));
  say("  %x", entry.revents);
  const int again = open(other.name, O_RDWR | O_NOCTTY);
  TRY(again >= 0);
  put(again, "again\n");
  show_read("master", other.master);
}

}  // namespace

int main() {
  enter_work_directory("/tmp/tty");
  names();
  modes();
  sizes();
  queues();
  packets();
  exclusive();
  foreign();
  no_terminals();
  hang_up();
  return 0;
}
