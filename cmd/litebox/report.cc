#include "cmd/litebox/report.h"

#include <iostream>

#include "base/log.h"

namespace litebox::command {
namespace {

bool log_is_file = false;

}  // namespace

void set_log_is_file(bool is_file) { log_is_file = is_file; }

void report(const Error& error) {
  log::error(error.message());
  if (log_is_file) std::cerr << error.message() << std::endl;
}

}  // namespace litebox::command
