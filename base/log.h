// The log: one line a message, as text or as the JSON lines that engines read (--log, --log-format).
//
// Engines show the last error line of the log and podman parses the whole file as one object: at the default level a failing
// command writes exactly one line. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace litebox::log {

enum class Format { text, json };
enum class Level { error, warning, debug };

// Where messages go: a file opened for appending (0644), or standard error when `path` is empty. Warnings are written at the
// default level only to standard error-less text logs; debug only when `debug`.
Status open(const std::string& path, Format format, bool debug);

void error(std::string_view message);
void warning(std::string_view message);
void debug(std::string_view message);
bool debugging();

// The descriptor in use, for a child that must keep it open; 2 when none was opened.
int descriptor();

}  // namespace litebox::log
