// doctor: what this host allows, how containers will be confined here, and what would give more.
#include <iostream>

#include "cmd/litebox/arguments.h"
#include "cmd/litebox/command.h"
#include "cmd/litebox/host_facts.h"

namespace litebox::command {
namespace {

const char* word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return "good";
    case Verdict::reduced:
      return "less";
    case Verdict::missing:
      break;
  }
  return "MISSING";
}

}  // namespace

Result<int> doctor(Globals& /*globals*/, const std::vector<std::string>& arguments) {
  CommandLine line("doctor", "", "Shows what this host allows. The exit code is 1 if no container can run.");
  const auto options = line.parse(arguments);
  if (!options) return line.exit_code();
  bool possible = true;
  for (const Finding& finding : judge(gather_host_facts())) {
    std::string subject = finding.subject;
    subject.resize(std::max<size_t>(subject.size() + 1, 14), ' ');
    std::string word = word_of(finding.verdict);
    word.resize(9, ' ');
    std::cout << subject << word << finding.text << "\n";
    if (!finding.advice.empty()) std::cout << std::string(23, ' ') << "-> " << finding.advice << "\n";
    possible &= finding.verdict != Verdict::missing;
  }
  std::cout << (possible ? "Containers run here.\n" : "No container runs here until what is missing is there.\n");
  return possible ? 0 : 1;
}

}  // namespace litebox::command
