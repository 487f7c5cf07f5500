// Command lines: options with or without a value, then words. Parsed by cxxopts; where runc stops at the first word, so that
// the options of a program to run are left alone, so does this.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace litebox::command {

class Arguments {
 public:
  bool has(const std::string& option) const { return values_.contains(option); }
  // The last value given, or nothing.
  std::optional<std::string> value(const std::string& option) const;
  // Every value given, in order.
  std::vector<std::string> values(const std::string& option) const;
  const std::vector<std::string>& words() const { return words_; }

 private:
  friend class CommandLine;
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> words_;
};

class CommandLine {
 public:
  // `usage` shows the words: "CONTAINER COMMAND [ARG...]".
  CommandLine(std::string name, std::string usage, std::string summary);

  CommandLine& flag(const std::string& name, const std::string& help, char letter = 0);
  CommandLine& option(const std::string& name, const std::string& value_name, const std::string& help, char letter = 0);
  CommandLine& words(size_t least, size_t most);
  CommandLine& stop_at_first_word();

  // Nothing when the command line was wrong (usage went to standard output and the error was reported) or asked for help
  // only; exit_code() says which.
  std::optional<Arguments> parse(const std::vector<std::string>& arguments);
  int exit_code() const { return exit_code_; }

  std::string help() const;

 private:
  struct Option {
    std::string name;
    std::string value_name;  // empty: a flag
    std::string help;
    char letter = 0;
  };
  const Option* find(std::string_view name) const;
  const Option* find(char letter) const;
  size_t options_end(const std::vector<std::string>& arguments) const;
  Result<Arguments> parse_words_and_options(const std::vector<std::string>& arguments) const;

  std::string name_;
  std::string usage_;
  std::string summary_;
  std::vector<Option> options_;
  size_t least_words_ = 0;
  size_t most_words_ = 0;
  bool stop_at_first_word_ = false;
  int exit_code_ = 0;
};

}  // namespace litebox::command
