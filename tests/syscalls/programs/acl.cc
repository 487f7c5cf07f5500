// POSIX access control lists (acl(5)): the attributes that hold them, and what they do to modes, new files and permissions.
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <algorithm>
#include <string>
#include <vector>

#include "report.h"

namespace {

constexpr const char* kAccess = "system.posix_acl_access";
constexpr const char* kDefault = "system.posix_acl_default";

void append(std::string& bytes, uint64_t value, size_t size) {
  bytes.append(reinterpret_cast<const char*>(&value), size);  // little-endian, as the format is
}

// "u::rwx,u:5:r-x,g::r--,m::rwx,o::---" as an attribute holds it.
std::string acl(const std::string& text, uint32_t version = 2) {
  std::string value;
  append(value, version, 4);
  for (size_t at = 0; at < text.size(); at = text.find(',', at) == std::string::npos ? text.size() : text.find(',', at) + 1) {
    const std::string entry = text.substr(at, text.find(',', at) - at);
    const size_t second = entry.find(':', 2);
    const bool named = second > 2;
    const char kind = entry[0];
    const std::string permissions = entry.substr(second + 1);
    uint64_t bits = 0;
    for (const char permission : permissions) {
      bits |= permission == 'r' ? 4U : permission == 'w' ? 2U : permission == 'x' ? 1U : permission == '8' ? 8U : 0U;
    }
    append(value, kind == 'u' ? (named ? 2 : 1) : kind == 'g' ? (named ? 8 : 4) : kind == 'm' ? 16 : kind == 'o' ? 32 : 3, 2);
    append(value, bits, 2);
    append(value, named ? strtoul(entry.c_str() + 2, nullptr, 10) : 0xffffffffU, 4);
  }
  return value;
}

std::string text_of(const std::string& value) {
  std::string text;
  for (size_t at = 4; at + 8 <= value.size(); at += 8) {
    uint16_t tag = 0;
    uint16_t bits = 0;
    uint32_t id = 0;
    memcpy(&tag, value.data() + at, 2);
    memcpy(&bits, value.data() + at + 2, 2);
    memcpy(&id, value.data() + at + 4, 4);
    text += at > 4 ? "," : "";
    text += tag <= 2 ? "u:" : tag <= 8 ? "g:" : tag == 16 ? "m:" : "o:";
    if (id != 0xffffffffU) text += std::to_string(id);
    text += ':';
    text += (bits & 4U) != 0 ? 'r' : '-';
    text += (bits & 2U) != 0 ? 'w' : '-';
    text += (bits & 1U) != 0 ? 'x' : '-';
  }
  return text;
}

int set(const char* path, const char* name, const std::string& value, int flags = 0) {
  return setxattr(path, name, value.data(), value.size(), flags);
}

std::string get(const char* path, const char* name) {
  char value[4096];
  const ssize_t size = lgetxattr(path, name, value, sizeof value);
  return size < 0 ? strerrorname_np(errno) : text_of(std::string(value, static_cast<size_t>(size)));
}

void show_acls(const char* path) {
  show(path);
  say("  access %s default %s", get(path, kAccess).c_str(), get(path, kDefault).c_str());
  char list[4096];
  const ssize_t size = llistxattr(path, list, sizeof list);
  if (size < 0) say("  listxattr: %s", strerrorname_np(errno));
  std::vector<std::string> names;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(strlen(list + at)) + 1) names.emplace_back(list + at);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) say("  %s", name.c_str());
}

void attributes() {
  put_file("file", "x", 0640);
  char value[64];
  show_acls("file");
  TRY(set("file", kAccess, acl("u::rw-,u:5:rwx,g::r--,g:77:--x,m::r-x,o::---")));
  show_acls("file");
  TRY(getxattr("file", kAccess, nullptr, 0));
  TRY(getxattr("file", kAccess, value, 51));
  TRY(getxattr("file", kAccess, value, 52));
  TRY(set("file", kAccess, acl("u::rw-,g::r--,m::-wx,o::--x"), XATTR_CREATE));
  show_acls("file");
  TRY(removexattr("file", kAccess));
  show_acls("file");
  TRY(removexattr("file", kAccess));
  TRY(set("file", kAccess, acl("u::rw-,u:5:r--,u:5:rwx,u:4:r--,g::r--,m::rwx,o::---"), XATTR_REPLACE));
  show_acls("file");
  TRY(set("file", kAccess, acl("u::rwx,g::r-x,o::--x")));  // no more than a mode
  show_acls("file");
  TRY(set("file", kAccess, acl("u::rw-,u:5:rwx,g::r--,m::r-x,o::---")));
  TRY(set("file", kAccess, acl("")));
  show_acls("file");
  TRY(set("file", kAccess, acl("u::rw-,u:5:rwx,g::r--,m::r-x,o::---")));
  TRY(set("file", kAccess, ""));
  show_acls("file");
  const int fd = open("file", O_RDONLY);
  const std::string by_descriptor = acl("u::rw-,u:5:rwx,g::r--,m::r-x,o::---");
  TRY(fsetxattr(fd, kAccess, by_descriptor.data(), by_descriptor.size(), 0));
  TRY(fgetxattr(fd, kAccess, value, sizeof value));
  TRY(fremovexattr(fd, kAccess));
  close(fd);
  TRY(set("file", "user.one", "x"));
  TRY(set("file", kAccess, acl("u::rwx,u:5:rwx,g::rwx,m::rwx,o::rwx")));
  TRY(link("file", "linked"));
  TRY(rename("file", "renamed"));
  show_acls("renamed");
  show_acls("linked");
  TRY(chown("linked", 7, 8));
  show_acls("renamed");
}

void directories_and_others() {
  mkdir("dir", 0755);
  put_file("plain", "x");
  symlink("plain", "link");
  const std::string named = acl("u::rwx,u:5:rwx,g::r-x,m::rwx,o::r-x");
  TRY(set("dir", kDefault, named));
  show_acls("dir");
  TRY(set("dir", kAccess, named));
  show_acls("dir");
  TRY(removexattr("dir", kDefault));
  TRY(removexattr("dir", kDefault));
  show_acls("dir");
  TRY(set("dir", kDefault, acl("u::rwx,g::r-x,o::--x")));  // even one that is no more than a mode
  show_acls("dir");
  TRY(set("dir", kDefault, acl("")));
  show_acls("dir");
  TRY(set("plain", kDefault, named));
  TRY(set("plain", kDefault, ""));
  TRY(removexattr("plain", kDefault));
  TRY(getxattr("plain", kDefault, nullptr, 0));
  TRY(lsetxattr("link", kAccess, named.data(), named.size(), 0));
  TRY(lsetxattr("link", kDefault, named.data(), named.size(), 0));
  TRY(lgetxattr("link", kAccess, nullptr, 0));
  TRY(lremovexattr("link", kAccess));
  TRY(set("link", kAccess, named));
  show_acls("plain");
  show_acls("link");
  mkfifo("fifo", 0640);
  TRY(set("fifo", kAccess, named));
  show_acls("fifo");
  TRY(chmod("fifo", 0604));
  TRY(link("fifo", "fifo2"));
  show_acls("fifo2");
  TRY(removexattr("fifo", kAccess));
  show_acls("fifo2");
  mknod("null", S_IFCHR | 0600, 0x103);
  TRY(set("null", kAccess, named));
  show_acls("null");
  TRY(setxattr("plain", "system.posix_acl_other", "x", 1, 0));
  TRY(getxattr("plain", "system.posix_acl_other", nullptr, 0));
  TRY(set("/mnt/ro/file", kAccess, named));
  TRY(set("/proc/self/status", kAccess, named));
  TRY(set("missing", kAccess, named));
}

void invalid_values() {
  put_file("valid", "x");
  const char* const invalid[] = {
      "u::rwx",
      "u::rwx,g::rwx",
      "g::rwx,u::rwx,o::rwx",
      "u::rwx,u:5:rwx,g::rwx,o::rwx",
      "u::rwx,g::rwx,g:5:rwx,o::rwx",
      "u::rwx,g::rwx,m::rwx,m::rwx,o::rwx",
      "u::rwx,u::rwx,g::rwx,o::rwx",
      "u::rwx,g::rwx,o::rwx,o::rwx",
      "u::rwx,g::rwx,o::8",
      "u::rwx,g::rwx,z::rwx,o::rwx",
      "u::rwx,u:4294967295:rwx,g::rwx,m::rwx,o::rwx",
      "u::rwx,g::rwx,g:4294967295:rwx,m::rwx,o::rwx",
      "u::rwx,g:5:rwx,g::rwx,m::rwx,o::rwx",
  };
  for (const char* text : invalid) {
    say("%s", text);
    TRY(set("valid", kAccess, acl(text)));
  }
  const std::string valid = acl("u::rwx,g::rwx,m::rwx,o::rwx");
  TRY(set("valid", kAccess, valid.substr(0, 3)));
  TRY(set("valid", kAccess, valid.substr(0, 7)));
  TRY(set("valid", kAccess, valid + "x"));
  TRY(set("valid", kAccess, acl("u::rwx,g::rwx,o::rwx", 1)));
  TRY(set("valid", kAccess, acl("", 3)));
  TRY(set("valid", kDefault, acl("u::rwx", 2)));
  TRY(set("valid", kAccess, valid, 4));
  TRY(set("valid", kAccess, valid, XATTR_CREATE | XATTR_REPLACE));
  show_acls("valid");
}

void modes() {
  put_file("masked", "x", 0640);
  TRY(set("masked", kAccess, acl("u::rw-,u:5:rwx,g::r-x,m::rwx,o::---")));
  for (const mode_t mode : {0604, 0751, 0, 06777, 01070}) {
    say("chmod %o", mode);
    TRY(chmod("masked", mode));
    show_acls("masked");
  }
  mkdir("masked_dir", 0755);
  TRY(set("masked_dir", kDefault, acl("u::rw-,u:5:rwx,g::r-x,m::rwx,o::---")));
  TRY(set("masked_dir", kAccess, acl("u::rwx,g:5:rwx,g::r-x,m::rwx,o::---")));
  TRY(set("masked_dir", kAccess, acl("u::rwx,g::r-x,g:5:rwx,m::rwx,o::---")));
  TRY(chmod("masked_dir", 02705));
  show_acls("masked_dir");
  // Set-group-ID: what the file's owner loses who is not of its group.
  put_file("setgid", "x", 0640);
  TRY(chown("setgid", 1000, 50));
  TRY(chmod("setgid", 06755));
  in_child([] { TRY(set("setgid", kAccess, acl("u::rwx,u:5:r-x,g::r-x,m::r-x,o::r-x"))); }, 1000, 1000);
  show_acls("setgid");
  TRY(chmod("setgid", 06755));
  TRY(set("setgid", kAccess, acl("u::rwx,g::r-x,o::r-x")));
  show_acls("setgid");
  in_child([] { TRY(set("setgid", kAccess, "")); }, 1000, 1000);
  show_acls("setgid");
  in_child([] { TRY(set("setgid", kAccess, acl("u::rwx,g::r-x,o::r-x"))); }, 1000, 1000);
  show_acls("setgid");
  in_child([] { TRY(set("setgid", kAccess, acl("u::rwx,g::r-x,o::r-x"))); }, 1001, 50);
  in_child([] { TRY(removexattr("setgid", kAccess)); }, 1001, 50);
  in_child([] { TRY(removexattr("setgid", kDefault)); }, 1001, 50);
  in_child([] { TRY(set("setgid", kAccess, acl("u::rwx"))); }, 1001, 50);
}

int bind_at(const char* path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address = {AF_UNIX, ""};
  strcpy(address.sun_path, path);
  const int result = bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address);
  close(fd);
  return result;
}

void inheritance() {
  mkdir("parent", 0755);
  TRY(set("parent", kDefault, acl("u::rwx,u:5:rwx,g::r-x,g:77:rwx,m::rwx,o::--x")));
  umask(077);
  put_file("parent/file", "x", 0666);
  TRY(mkdir("parent/dir", 0777));
  TRY(mkdir("parent/closed", 0700));
  TRY(mkfifo("parent/fifo", 0640));
  TRY(mknod("parent/regular", S_IFREG | 0757, 0));
  TRY(symlink("file", "parent/link"));
  TRY_OPEN(open("parent/none", O_CREAT | O_WRONLY, 0));
  TRY(bind_at("parent/socket"));
  for (const char* name : {"file", "dir", "closed", "fifo", "regular", "link", "none", "socket"}) {
    show_acls((std::string("parent/") + name).c_str());
  }
  put_file("parent/dir/deep", "x", 0644);
  show_acls("parent/dir/deep");
  const int fd = open("parent", O_TMPFILE | O_RDWR, 0666);
  if (fd >= 0) {
    char value[128];
    const ssize_t size = fgetxattr(fd, kAccess, value, sizeof value);
    say("  unnamed: %s", size < 0 ? strerrorname_np(errno) : text_of(std::string(value, static_cast<size_t>(size))).c_str());
    close(fd);
  }
  // One that is no more than a mode takes the place of the umask all the same.
  TRY(set("parent", kDefault, acl("u::rwx,g::rwx,o::r-x")));
  put_file("parent/simple", "x", 0666);
  TRY(mkdir("parent/simple_dir", 02777));
  show_acls("parent/simple");
  show_acls("parent/simple_dir");
  TRY(removexattr("parent", kDefault));
  put_file("parent/umasked", "x", 0666);
  show_acls("parent/umasked");
  TRY(rename("parent/file", "file_moved"));
  TRY(mkdir("plain_dir", 0755));
  TRY(rename("plain_dir", "parent/dir/plain_dir"));
  show_acls("file_moved");
  show_acls("parent/dir/plain_dir");
  umask(022);
  // Set-group-ID with a default ACL.
  TRY(chown("parent", 0, 50));
  TRY(chmod("parent", 02777));
  TRY(set("parent", kDefault, acl("u::rwx,u:5:rwx,g::r-x,m::r--,o::--x")));
  in_child(
      [] {
        umask(0);
        TRY_OPEN(open("parent/set_group", O_CREAT | O_WRONLY, 02777));
        TRY_OPEN(open("parent/set_group_no_x", O_CREAT | O_WRONLY, 02767));
        TRY(mkdir("parent/set_group_dir", 0777));
        TRY(bind_at("parent/set_group_socket"));
        show_acls("parent/set_group_socket");
        show_acls("parent/set_group");
        show_acls("parent/set_group_no_x");
        show_acls("parent/set_group_dir");
      },
      1000, 1000);
}

void probe(const char* path) {
  for (const int mask : {R_OK, W_OK, X_OK, R_OK | W_OK, R_OK | X_OK}) {
    say("%s %d: %s", path, mask, access(path, mask) == 0 ? "yes" : strerrorname_np(errno));
  }
  TRY_OPEN(open(path, O_RDONLY));
  TRY_OPEN(open(path, O_WRONLY));
  TRY_OPEN(open(path, O_RDWR));
}

void permissions() {
  const char* const lists[] = {
      "u::rw-,u:1000:r--,g::---,m::rwx,o::rwx",            // a named user, and nothing for the group
      "u::rw-,u:1000:rwx,g::---,m::r--,o::---",            // masked
      "u::rw-,u:1000:---,g::rwx,m::rwx,o::rwx",            // shut out
      "u::rw-,g::r--,g:1000:-w-,m::rwx,o::rwx",            // of two groups, which do not add up
      "u::rw-,g::rwx,g:1000:r--,m::r--,o::rwx",            // all masked
      "u::rw-,g::---,g:60:r-x,m::r-x,o::-w-",              // others
      "u::rw-,u:1000:rwx,g::rwx,g:1000:rwx,m::---,o::r--"  // a mask of nothing: the mode alone counts
  };
  put_file("guarded", "x", 0600);
  TRY(chown("guarded", 0, 50));
  for (const char* list : lists) {
    say("%s", list);
    TRY(set("guarded", kAccess, acl(list)));
    in_child([] { probe("guarded"); }, 1000, 1000);
    in_child([] { probe("guarded"); }, 1001, 50);
    in_child([] { probe("guarded"); }, 1001, 60);
    in_child(
        [] {
          const gid_t groups[] = {1000, 60};
          TRY(setgroups(2, groups));
          TRY(setresuid(1002, 1002, 1002));
          probe("guarded");
        },
        0, 50);
  }
  TRY(chown("guarded", 1000, 1000));
  TRY(set("guarded", kAccess, acl("u::-w-,u:1000:rwx,g::rwx,m::rwx,o::rwx")));
  in_child([] { probe("guarded"); }, 1000, 1000);
}

void directories_guarded() {
  mkdir("hall", 0700);
  put_file("hall/file", "x", 0644);
  mkdir("hall/inner", 0755);
  TRY(set("hall", kAccess, acl("u::rwx,u:1000:--x,u:1001:rwx,g::---,g:60:r-x,m::rwx,o::---")));
  const auto visit = [] {
    struct stat status;
    TRY(stat("hall/file", &status));
    TRY_OPEN(open("hall", O_RDONLY | O_DIRECTORY));
    TRY(chdir("hall"));
    TRY(chdir("/tmp"));
    TRY_OPEN(open("/acl/hall/mine", O_CREAT | O_WRONLY, 0600));
    TRY(rename("/acl/hall/mine", "/acl/hall/yours"));
    TRY(unlink("/acl/hall/yours"));
    TRY(access("/acl/hall/inner", R_OK));
    TRY(utimensat(AT_FDCWD, "/acl/hall/file", nullptr, 0));
    TRY(setxattr("/acl/hall/file", "user.x", "x", 1, 0));
  };
  in_child(visit, 1000, 1000);
  in_child(visit, 1001, 1001);
  in_child(visit, 1002, 60);
  in_child(visit, 1003, 1003);
  TRY(set("hall/file", kAccess, acl("u::rwx,u:1001:rw-,g::---,m::rwx,o::---")));
  in_child(visit, 1001, 1001);
  in_child([] { TRY(link("hall/file", "hall/file2")); }, 1001, 1001);
  in_child([] { TRY(set("hall/file", kAccess, "")); }, 1001, 1001);
  in_child([] { TRY(chmod("hall/file", 0777)); }, 1001, 1001);
  in_child([] { say("  %s", get("hall/file", kAccess).c_str()); }, 1000, 1000);
  in_child([] { say("  %s", get("hall/file", kAccess).c_str()); }, 1003, 1003);
}

void execution() {
  const int from = open("/program", O_RDONLY);
  const int to = open("program", O_WRONLY | O_CREAT, 0700);
  char buffer[65536];
  for (ssize_t size = 0; (size = read(from, buffer, sizeof buffer)) > 0;) {
    if (write(to, buffer, static_cast<size_t>(size)) != size) say("cannot copy");
  }
  close(from);
  close(to);
  TRY(set("program", kAccess, acl("u::rwx,u:1000:r-x,g::---,m::r-x,o::r--")));
  const auto run = [] { TRY(execl("program", "program", "nothing", nullptr)); };
  in_child(run, 1000, 1000);
  in_child(run, 1001, 1001);
  TRY(chmod("program", 0744));
  in_child(run, 1000, 1000);
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) return 3;
  enter_work_directory("acl");
  attributes();
  directories_and_others();
  invalid_values();
  modes();
  inheritance();
  permissions();
  directories_guarded();
  execution();
  TRY(chdir("/mnt/tmp"));
  put_file("file", "x", 0640);
  TRY(set("file", kAccess, acl("u::rw-,u:5:rwx,g::r--,m::r-x,o::---")));
  show_acls("file");
  return 0;
}
