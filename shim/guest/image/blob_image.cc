#include "shim/guest/blob_image.h"

asm(R"(
  .pushsection .rodata
  .balign 4096
  .global litebox_blob_begin, litebox_blob_end
litebox_blob_begin:
  .incbin ")" LITEBOX_BLOB_FILE R"("
litebox_blob_end:
  .popsection
)");

extern "C" const std::byte litebox_blob_begin[];
extern "C" const std::byte litebox_blob_end[];

namespace litebox {

std::span<const std::byte> blob_image() { return {litebox_blob_begin, litebox_blob_end}; }

}  // namespace litebox
