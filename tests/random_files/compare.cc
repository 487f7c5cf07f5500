// compare_random_files LITEBOX PROGRAM root|user SEED CALLS: the same random file calls natively and under litebox.
//
// The native run, as root in a chroot, is the oracle for both. What differs is printed, the first few lines of each round: a
// round begins with fresh trees, so that one difference does not make all that follow.
// Exit status: 0 equal, 1 different, 77 when the oracle cannot run here (without root).
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/syscalls/sandbox.h"

namespace {

namespace fs = std::filesystem;
using litebox::test::Outcome;
using litebox::test::Sandbox;

constexpr int kSkipped = 77;
constexpr uid_t kOrdinaryUser = 12345;
constexpr unsigned long kCallsInRound = 100;
// More than a busy machine needs.
constexpr unsigned long kLeastSeconds = 120;
constexpr unsigned long kCallsInSecond = 250;
constexpr size_t kShownInRound = 3;
constexpr size_t kShown = 60;

// The output of one run, by rounds of lines.
std::vector<std::vector<std::string>> rounds_of(const std::string& text) {
  std::vector<std::vector<std::string>> rounds(1);
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("= ")) rounds.emplace_back();
    rounds.back().push_back(line);
  }
  return rounds;
}

bool is_tree(const std::string& line) { return line.starts_with(". "); }

// Prints how the two outputs of a round differ; the number of calls and of entries of the final trees that do.
size_t print_differences(const std::vector<std::string>& native, const std::vector<std::string>& confined, size_t& shown) {
  size_t differences = 0;
  for (size_t i = 0; i < std::max(native.size(), confined.size()); ++i) {
    const std::string one = i < native.size() ? native[i] : "(nothing)";
    const std::string other = i < confined.size() ? confined[i] : "(nothing)";
    if (one == other) continue;
    if (++differences <= kShownInRound && shown < kShown) {
      ++shown;
      std::printf("%s, line %zu\n  native:  %s\n  litebox: %s\n", native.empty() ? "" : native[0].c_str(), i, one.c_str(),
                  other.c_str());
    }
    // The trees are listed in order: an entry more shifts all that follow.
    if (is_tree(one) != is_tree(other) ||
        (is_tree(one) && one.substr(0, one.find(' ', 2)) != other.substr(0, other.find(' ', 2)))) {
      break;
    }
  }
  return differences;
}

int compare(const std::vector<std::string>& arguments, const std::string& directory) {
  const uid_t owner = arguments[2] == "user" ? kOrdinaryUser : 0;
  const unsigned long calls = std::stoul(arguments[4]);
  auto native = Sandbox::make(directory + "/native", arguments[1], 0);
  auto confined = Sandbox::make(directory + "/litebox", arguments[1], owner);
  if (!native.ok() || !confined.ok()) return 1;
  const std::chrono::seconds limit(kLeastSeconds + calls / kCallsInSecond);
  native->set_time_limit(limit);
  confined->set_time_limit(limit);
  for (const char* side : {"/native", "/litebox"}) {
    std::ofstream(directory + side + "/rootfs/parameters") << arguments[3] << " " << calls << " " << kCallsInRound << "\n";
  }
  const auto expected = native->run_natively();
  const auto actual = confined->run_in_litebox(arguments[0]);
  if (!expected.ok() || !actual.ok()) return 1;
  if (expected->status != 0 || expected->output.find("= the end") == std::string::npos) {
    std::printf("the native run failed: status %x\n%s", expected->status, expected->output.substr(0, 4000).c_str());
    return 1;
  }
  const auto expected_rounds = rounds_of(expected->output);
  const auto actual_rounds = rounds_of(actual->output);
  size_t differences = expected_rounds.size() == actual_rounds.size() ? 0 : 1;
  size_t rounds = 0;
  size_t shown = 0;
  for (size_t i = 0; i < std::min(expected_rounds.size(), actual_rounds.size()); ++i) {
    const size_t found = print_differences(expected_rounds[i], actual_rounds[i], shown);
    differences += found;
    rounds += found != 0 ? 1 : 0;
  }
  if (actual->status != 0) {
    std::printf("litebox: status %x\n%s\n", actual->status,
                actual->output.substr(actual->output.size() - std::min<size_t>(actual->output.size(), 500)).c_str());
    ++differences;
  }
  std::printf("seed %s: %lu calls, %zu differences in %zu of %zu rounds\n", arguments[3].c_str(), calls, differences, rounds,
              expected_rounds.size() - 2);
  return differences == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): it ends the test
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 5 || (arguments[2] != "root" && arguments[2] != "user")) {
    std::fprintf(stderr, "usage: compare_random_files LITEBOX PROGRAM root|user SEED CALLS\n");
    return 2;
  }
  if (::geteuid() != 0) return kSkipped;
  char directory[] = "/tmp/litebox-random-XXXXXX";
  if (::mkdtemp(directory) == nullptr || ::chmod(directory, 0755) != 0) return 1;
  const int result = compare(arguments, directory);
  if (std::getenv("LITEBOX_KEEP") == nullptr) {
    std::error_code error;
    fs::remove_all(directory, error);
  }
  return result;
}
