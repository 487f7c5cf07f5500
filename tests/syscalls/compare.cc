// compare LITEBOX PROGRAM root|user: runs one program of programs/ natively and under litebox, and compares what it says.
//
// The native run, as root in a chroot, is the oracle for both: as an ordinary user, litebox promises its container the same.
// Exit status: 0 equal, 1 different, 77 when the oracle cannot run here (without root).
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/syscalls/known_differences.h"
#include "tests/syscalls/sandbox.h"

namespace {

namespace fs = std::filesystem;

constexpr int kSkipped = 77;
constexpr uid_t kOrdinaryUser = 12345;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Prints the lines that are in one output only, from the longest common subsequence; returns how many.
size_t print_differences(const std::vector<std::string>& expected, const std::vector<std::string>& actual) {
  std::vector<std::vector<size_t>> common(expected.size() + 1, std::vector<size_t>(actual.size() + 1, 0));
  for (size_t i = expected.size(); i-- > 0;) {
    for (size_t j = actual.size(); j-- > 0;) {
      common[i][j] = expected[i] == actual[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  size_t differences = 0;
  for (size_t i = 0, j = 0; i < expected.size() || j < actual.size();) {
    if (i < expected.size() && j < actual.size() && expected[i] == actual[j]) {
      ++i;
      ++j;
    } else if (j == actual.size() || (i < expected.size() && common[i + 1][j] >= common[i][j + 1])) {
      std::printf("%4zu native:  %s\n", i + 1, expected[i].c_str());
      ++i;
      ++differences;
    } else {
      std::printf("%4zu litebox: %s\n", j + 1, actual[j].c_str());
      ++j;
      ++differences;
    }
  }
  return differences;
}

// Removes the known differences from both outputs, where they stand at the same place; returns how many did not occur.
size_t take_known_differences(const std::string& program, std::vector<std::string>& expected,
                              std::vector<std::string>& actual) {
  size_t unmet = 0;
  for (const litebox::test::KnownDifference& known : litebox::test::kKnownDifferences) {
    if (program != known.program) continue;
    const auto native = std::find(expected.begin(), expected.end(), known.native);
    const size_t at = static_cast<size_t>(native - expected.begin());
    if (native == expected.end() || at >= actual.size() || actual[at] != known.litebox) {
      std::printf("known difference did not occur: %s\n", std::string(known.native).c_str());
      ++unmet;
      continue;
    }
    std::printf("known difference: native %s, litebox %s: %s\n", std::string(known.native).c_str(),
                std::string(known.litebox).c_str(), std::string(known.reason).c_str());
    expected.erase(native);
    actual.erase(actual.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return unmet;
}

int compare(const std::string& litebox, const std::string& program, uid_t owner, const std::string& directory) {
  using litebox::test::Outcome;
  using litebox::test::Sandbox;
  const auto native = Sandbox::make(directory + "/native", program, 0);
  const auto confined = Sandbox::make(directory + "/litebox", program, owner);
  for (const auto* sandbox : {&native, &confined}) {
    if (!sandbox->ok()) {
      std::printf("%s\n", sandbox->error().message().c_str());
      return 1;
    }
  }
  const auto expected = native->run_natively();
  const auto actual = confined->run_in_litebox(litebox);
  for (const auto* outcome : {&expected, &actual}) {
    if (!outcome->ok()) {
      std::printf("%s\n", outcome->error().message().c_str());
      return 1;
    }
  }
  if (expected->status != 0) {
    std::printf("the native run failed: status %x\n%s", expected->status, expected->output.c_str());
    return 1;
  }
  std::vector<std::string> expected_lines = lines_of(expected->output);
  std::vector<std::string> actual_lines = lines_of(actual->output);
  const size_t unmet = take_known_differences(fs::path(program).filename().string(), expected_lines, actual_lines);
  size_t differences = unmet + print_differences(expected_lines, actual_lines);
  if (actual->status != expected->status) {
    std::printf("status: native %x, litebox %x\n", expected->status, actual->status);
    ++differences;
  }
  std::printf("%zu lines, %zu differences\n", lines_of(expected->output).size(), differences);
  return differences == 0 ? 0 : 1;
}

// What programs report must not depend on it.
void forget_how_this_was_started() {
  ::umask(022);
  (void)::setpriority(PRIO_PROCESS, 0, 0);
  for (int number = 1; number < NSIG; ++number) (void)::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): it ends the test
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 3 || (arguments[2] != "root" && arguments[2] != "user")) {
    std::fprintf(stderr, "usage: compare LITEBOX PROGRAM root|user\n");
    return 2;
  }
  if (::geteuid() != 0) return kSkipped;
  forget_how_this_was_started();
  char directory[] = "/tmp/litebox-compare-XXXXXX";
  if (::mkdtemp(directory) == nullptr || ::chmod(directory, 0755) != 0) return 1;
  const int result = compare(arguments[0], arguments[1], arguments[2] == "user" ? kOrdinaryUser : 0, directory);
  if (std::getenv("LITEBOX_KEEP") == nullptr) {
    std::error_code error;
    fs::remove_all(directory, error);
  }
  return result;
}
