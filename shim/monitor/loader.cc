#include "shim/monitor/loader.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "shim/guest/blob_image.h"

namespace litebox::monitor {
namespace {

// Where the blob's one segment, which begins at kBlobBase, has an address in the file.
off_t offset_of(uint64_t address) {
  const auto image = blob_image();
  Elf64_Ehdr header;
  std::memcpy(&header, image.data(), sizeof header);
  Elf64_Phdr segment;
  std::memcpy(&segment, image.data() + header.e_phoff, sizeof segment);
  return static_cast<off_t>(segment.p_offset + (address - abi::kBlobBase));
}

}  // namespace

Result<Loader> Loader::make() {
  Fd writable(::memfd_create("litebox", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!writable) return last_error("memfd_create");
  const auto image = blob_image();
  if (::write(writable.get(), image.data(), image.size()) != static_cast<ssize_t>(image.size()) ||
      ::fchmod(writable.get(), 0555) != 0) {
    return last_error("writing the loader");
  }
  Fd readable(::open(("/proc/self/fd/" + std::to_string(writable.get())).c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!readable || ::fstat(readable.get(), &status) != 0) return last_error("reopening the loader");
  return Loader(std::move(writable), std::move(readable), status.st_dev, status.st_ino);
}

Status Loader::seal(const abi::Ids& ids) {
  if (::pwrite(writable_.get(), &ids, sizeof ids, offset_of(abi::kIds)) != static_cast<ssize_t>(sizeof ids)) {
    return last_error("writing the loader");
  }
  if (::fcntl(writable_.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return last_error("sealing the loader");
  }
  writable_.reset();
  return {};
}

}  // namespace litebox::monitor
