// The host and domain name of one or more containers: what containers that join each other's uts namespace share.
//
// They are kept in a file of the state directory, which the other container's monitor opens too.
#pragma once

#include <mutex>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace litebox::kernel {

class SharedNames {
 public:
  // The new file `path`, which must not exist.
  static Result<SharedNames> create(const std::string& path);
  // The file that another container made.
  static Result<SharedNames> open(const std::string& path);

  std::string host_name() const { return read(kHostName); }
  std::string domain_name() const { return read(kDomainName); }
  // Names longer than uname(2) can tell are cut.
  void set_host_name(const std::string& name) { write(kHostName, name); }
  void set_domain_name(const std::string& name) { write(kDomainName, name); }

 private:
  static constexpr off_t kNameSize = 65;  // __NEW_UTS_LEN and its end
  static constexpr off_t kHostName = 0;
  static constexpr off_t kDomainName = kNameSize;

  explicit SharedNames(Fd file) : file_(std::move(file)) {}
  std::string read(off_t offset) const;
  void write(off_t offset, const std::string& name);

  Fd file_;
};

}  // namespace litebox::kernel
