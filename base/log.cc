#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <mutex>

#include "base/fd.h"

namespace litebox::log {
namespace {

struct Sink {
  std::mutex mutex;
  Fd file;
  Format format = Format::text;
  bool debug = false;
};

Sink& sink() {
  static Sink instance;
  return instance;
}

std::string timestamp() {
  const std::time_t now = std::time(nullptr);
  struct tm utc {};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  (void)std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::string json_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 8> code{};
      (void)std::snprintf(code.data(), code.size(), "\\u%04x", byte);
      out += code.data();
    } else {
      out += c;
    }
  }
  return out;
}

void write_line(const char* level, std::string_view message) {
  Sink& target = sink();
  const std::lock_guard<std::mutex> guard(target.mutex);
  std::string line;
  if (target.format == Format::json) {
    line =
        std::string(R"({"level":")") + level + R"(","msg":")" + json_escape(message) + R"(","time":")" + timestamp() + "\"}\n";
  } else {
    line = "time=\"" + timestamp() + "\" level=" + level + " msg=\"" + json_escape(message) + "\"\n";
  }
  const int fd = target.file ? target.file.get() : STDERR_FILENO;
  for (size_t done = 0; done < line.size();) {
    const ssize_t written = ::write(fd, line.data() + done, line.size() - done);
    if (written <= 0) break;
    done += static_cast<size_t>(written);
  }
}

}  // namespace

Status open(const std::string& path, Format format, bool debug) {
  Sink& target = sink();
  const std::lock_guard<std::mutex> guard(target.mutex);
  target.format = format;
  target.debug = debug;
  if (path.empty()) return {};
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file) return last_error("open log file " + path);
  target.file = std::move(file);
  return {};
}

void error(std::string_view message) { write_line("error", message); }
void warning(std::string_view message) { write_line("warning", message); }
void debug(std::string_view message) {
  if (debugging()) write_line("debug", message);
}
bool debugging() { return sink().debug; }
int descriptor() { return sink().file ? sink().file.get() : STDERR_FILENO; }

}  // namespace litebox::log
