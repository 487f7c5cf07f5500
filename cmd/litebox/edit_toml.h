// A few lines put into a TOML document between two marks, or taken out, with every other byte left as it is.
#pragma once

#include <string>

#include "base/result.h"

namespace litebox::command {

struct TomlEntry {
  std::string table;    // "engine.runtimes", as it is written in its header
  std::string name;     // of the value, or empty when the lines are the table's own
  std::string lines;    // each with its newline
  bool shared = false;  // others have entries in that table: the lines go below its header if there is one
};

// The text unchanged when the same lines are there; EEXIST when the table or name is there otherwise.
Result<std::string> add_toml_entry(const std::string& text, const TomlEntry& entry);

// The text unchanged when there is nothing between marks.
std::string remove_toml_entry(const std::string& text);

// The number of a line "version = N" before the first table; 1 without one, as containerd has it.
int toml_version(const std::string& text);

}  // namespace litebox::command
