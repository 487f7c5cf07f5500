#include "oci/signals.h"

#include <csignal>
#include <utility>

#include "oci/json_document.h"

namespace litebox::oci {
namespace {

// The numbers of the kernel, not of libc, which keeps the first two real-time signals for itself: the one who is killed may use
// another libc.
constexpr int kFirstRealTime = 34;
constexpr int kLastRealTime = 64;

// The first name of a number is the one that is printed.
constexpr std::pair<std::string_view, int> kSignals[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},           {"QUIT", SIGQUIT},
    {"ILL", SIGILL},       {"TRAP", SIGTRAP},         {"ABRT", SIGABRT},
    {"IOT", SIGABRT},      {"BUS", SIGBUS},           {"FPE", SIGFPE},
    {"KILL", SIGKILL},     {"USR1", SIGUSR1},         {"SEGV", SIGSEGV},
    {"USR2", SIGUSR2},     {"PIPE", SIGPIPE},         {"ALRM", SIGALRM},
    {"TERM", SIGTERM},     {"STKFLT", SIGSTKFLT},     {"CHLD", SIGCHLD},
    {"CLD", SIGCHLD},      {"CONT", SIGCONT},         {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN},         {"TTOU", SIGTTOU},
    {"URG", SIGURG},       {"XCPU", SIGXCPU},         {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},         {"WINCH", SIGWINCH},
    {"IO", SIGIO},         {"POLL", SIGIO},           {"PWR", SIGPWR},
    {"SYS", SIGSYS},       {"RTMIN", kFirstRealTime}, {"RTMAX", kLastRealTime},
};

// One or two decimal digits, or -1.
int small_number(std::string_view text) {
  if (text.empty() || text.size() > 2) return -1;
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

int find_name(std::string_view name) {
  for (const auto& [candidate, number] : kSignals) {
    if (candidate == name) return number;
  }
  return -1;
}

int find_signal(std::string_view text) {
  if (const int number = small_number(text); number >= 0) return number <= kLastRealTime ? number : -1;
  std::string name;
  for (const char c : text) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (name.rfind("SIG", 0) == 0) name.erase(0, 3);
  if (const size_t sign = name.find_first_of("+-"); sign != std::string::npos) {
    const std::string base = name.substr(0, sign);
    const int offset = small_number(std::string_view(name).substr(sign + 1));
    const bool up = name[sign] == '+';
    if (offset < 0 || base != (up ? "RTMIN" : "RTMAX") || offset > kLastRealTime - kFirstRealTime) return -1;
    return up ? kFirstRealTime + offset : kLastRealTime - offset;
  }
  return find_name(name);
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
  const int signal = find_signal(text);
  if (signal < 0) return Error("unknown signal " + quoted(text));
  return signal;
}

std::string signal_name(int signal) {
  for (const auto& [name, number] : kSignals) {
    if (number == signal) return std::string("SIG").append(name);
  }
  if (signal > kFirstRealTime && signal < kLastRealTime) return "SIGRTMIN+" + std::to_string(signal - kFirstRealTime);
  return std::to_string(signal);
}

}  // namespace litebox::oci
