// -info: what this runtime is, for containerd 2.
#include "cmd/containerd-shim-litebox-v2/actions.h"
#include "oci/features.h"
#include "wire/options.pb.h"

namespace litebox::shim {

Result<int> info() {
  // Options come in on standard input; nothing that is printed depends on them.
  LITEBOX_TRY(read_standard_input());
  containerd::wire::RuntimeInfo message;
  message.set_name("io.containerd.litebox.v2");
  message.mutable_version()->set_version(LITEBOX_VERSION);
  message.mutable_features()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/features/Features");
  message.mutable_features()->set_value(oci::features_to_json());
  LITEBOX_TRY(write_standard_output(message.SerializeAsString()));
  return 0;
}

}  // namespace litebox::shim
