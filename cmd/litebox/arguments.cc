#include "cmd/litebox/arguments.h"

#include <cxxopts.hpp>
#include <iostream>

#include "cmd/litebox/report.h"

namespace litebox::command {

std::optional<std::string> Arguments::value(const std::string& option) const {
  const auto found = values_.find(option);
  if (found == values_.end()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> Arguments::values(const std::string& option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

CommandLine::CommandLine(std::string name, std::string usage, std::string summary)
    : name_(std::move(name)), usage_(std::move(usage)), summary_(std::move(summary)) {
  flag("help", "show this help", 'h');
}

CommandLine& CommandLine::flag(const std::string& name, const std::string& help, char letter) {
  options_.push_back({name, "", help, letter});
  return *this;
}

CommandLine& CommandLine::option(const std::string& name, const std::string& value_name, const std::string& help, char letter) {
  options_.push_back({name, value_name, help, letter});
  return *this;
}

CommandLine& CommandLine::words(size_t least, size_t most) {
  least_words_ = least;
  most_words_ = most;
  return *this;
}

CommandLine& CommandLine::stop_at_first_word() {
  stop_at_first_word_ = true;
  return *this;
}

const CommandLine::Option* CommandLine::find(std::string_view name) const {
  for (const Option& option : options_) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const CommandLine::Option* CommandLine::find(char letter) const {
  for (const Option& option : options_) {
    if (option.letter == letter) return &option;
  }
  return nullptr;
}

// The index of the first argument that is neither an option nor an option's value.
size_t CommandLine::options_end(const std::vector<std::string>& arguments) const {
  size_t index = 0;
  while (index < arguments.size()) {
    const std::string& argument = arguments[index];
    if (argument.size() < 2 || argument.front() != '-' || argument == "--") break;
    bool takes_next = false;
    if (argument[1] == '-') {
      const Option* option = find(std::string_view(argument).substr(2));
      takes_next = option != nullptr && !option->value_name.empty();
    } else {
      // A group of letters ends at the first one that takes a value, which is the rest, or the next argument.
      for (size_t letter = 1; letter < argument.size(); ++letter) {
        const Option* option = find(argument[letter]);
        if (option == nullptr || option->value_name.empty()) continue;
        takes_next = letter + 1 == argument.size();
        break;
      }
    }
    index += takes_next ? 2 : 1;
  }
  return std::min(index, arguments.size());
}

Result<Arguments> CommandLine::parse_words_and_options(const std::vector<std::string>& arguments) const {
  const size_t end = stop_at_first_word_ ? options_end(arguments) : arguments.size();
  std::vector<const char*> raw{name_.c_str()};
  for (size_t i = 0; i < end; ++i) raw.push_back(arguments[i].c_str());

  cxxopts::Options parser(name_);
  for (const Option& option : options_) {
    const std::string names = option.letter == 0 ? option.name : std::string(1, option.letter) + "," + option.name;
    if (option.value_name.empty()) {
      parser.add_options()(names, option.help);
    } else {
      parser.add_options()(names, option.help, cxxopts::value<std::string>());
    }
  }
  Arguments parsed;
  try {
    const cxxopts::ParseResult result = parser.parse(static_cast<int>(raw.size()), raw.data());
    for (const cxxopts::KeyValue& given : result.arguments()) {
      const Option* option = find(given.key());
      const bool is_flag = option != nullptr && option->value_name.empty();
      if (is_flag && given.value() == "false") continue;
      parsed.values_[given.key()].push_back(given.value());
    }
    parsed.words_ = result.unmatched();
  } catch (const cxxopts::exceptions::exception& failure) {
    return Error(failure.what());
  }
  if (stop_at_first_word_) {
    size_t first = end;
    if (first < arguments.size() && arguments[first] == "--") ++first;
    parsed.words_.assign(arguments.begin() + static_cast<std::ptrdiff_t>(first), arguments.end());
  }
  return parsed;
}

std::optional<Arguments> CommandLine::parse(const std::vector<std::string>& arguments) {
  auto parsed = parse_words_and_options(arguments);
  if (parsed.ok() && parsed->has("help")) {
    std::cout << help();
    exit_code_ = 0;
    return std::nullopt;
  }
  Status status;
  if (!parsed.ok()) {
    status = parsed.error();
  } else if (parsed->words().size() < least_words_) {
    status = Error("\"" + name_ + "\" requires " + (least_words_ == most_words_ ? "exactly " : "at least ") +
                   std::to_string(least_words_) + " argument(s)");
  } else if (parsed->words().size() > most_words_) {
    status = Error("\"" + name_ + "\" takes at most " + std::to_string(most_words_) + " argument(s)");
  }
  if (status.ok()) return std::move(parsed).value();
  std::cout << help() << std::flush;
  report(status.error());
  exit_code_ = 1;
  return std::nullopt;
}

std::string CommandLine::help() const {
  std::string text = summary_ + "\n\nUsage: " + name_ + " [OPTION...] " + usage_ + "\n\nOptions:\n";
  for (const Option& option : options_) {
    std::string line = "  ";
    line += option.letter == 0 ? std::string("    ") : std::string("-") + option.letter + ", ";
    line += "--" + option.name;
    if (!option.value_name.empty()) line += " " + option.value_name;
    line.resize(std::max<size_t>(line.size() + 2, 32), ' ');
    text += line + option.help + "\n";
  }
  return text;
}

}  // namespace litebox::command
