#include "runtime/cgroup_freezer.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <thread>

#include "runtime/files.h"

namespace litebox::runtime {
namespace {

constexpr auto kPatience = std::chrono::seconds(3);
// Under v1 an exec waits for the process's other threads, which do not end once they are frozen: it is let go through now and
// then.
constexpr int kAttemptsBeforeThaw = 50;
constexpr auto kThaw = std::chrono::milliseconds(10);

struct Freezer {
  std::string control;  // written
  std::string state;    // read
  bool v2 = false;
};

std::optional<Freezer> find_freezer(const std::vector<std::string>& cgroups) {
  for (const std::string& cgroup : cgroups) {
    if (access((cgroup + "/freezer.state").c_str(), F_OK) == 0) {
      return Freezer{cgroup + "/freezer.state", cgroup + "/freezer.state", false};
    }
    if (access((cgroup + "/cgroup.freeze").c_str(), F_OK) == 0) {
      return Freezer{cgroup + "/cgroup.freeze", cgroup + "/cgroup.events", true};
    }
  }
  return std::nullopt;
}

bool shows_frozen(const Freezer& freezer) {
  const auto text = read_file(AT_FDCWD, freezer.state);
  if (!text.ok()) return false;
  return freezer.v2 ? text->find("frozen 1") != std::string::npos : text->rfind("FROZEN", 0) == 0;
}

Status change(const std::vector<std::string>& cgroups, bool frozen) {
  const auto freezer = find_freezer(cgroups);
  if (!freezer) return Error(ENOTSUP, "the container has no cgroup with a freezer");
  const char* text = freezer->v2 ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  LITEBOX_TRY(write_control_file(freezer->control, text));
  for (int attempt = 1; shows_frozen(*freezer) != frozen; ++attempt) {
    if (std::chrono::steady_clock::now() >= deadline) {
      if (frozen) (void)write_control_file(freezer->control, freezer->v2 ? "0" : "THAWED");
      return Error(ETIMEDOUT, frozen ? "freeze" : "thaw");
    }
    if (frozen && !freezer->v2 && attempt % kAttemptsBeforeThaw == 0) {
      LITEBOX_TRY(write_control_file(freezer->control, "THAWED"));
      std::this_thread::sleep_for(kThaw);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    // v1 leaves the state at FREEZING when a process forked meanwhile; writing it again takes the new ones too.
    LITEBOX_TRY(write_control_file(freezer->control, text));
  }
  return {};
}

}  // namespace

bool has_freezer(const std::vector<std::string>& cgroups) { return find_freezer(cgroups).has_value(); }

bool is_frozen(const std::vector<std::string>& cgroups) {
  const auto freezer = find_freezer(cgroups);
  return freezer && shows_frozen(*freezer);
}

Status freeze(const std::vector<std::string>& cgroups) { return change(cgroups, true); }
Status thaw(const std::vector<std::string>& cgroups) { return change(cgroups, false); }

}  // namespace litebox::runtime
