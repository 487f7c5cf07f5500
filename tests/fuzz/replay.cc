// A fuzzer's function without a fuzzer: every file of a directory, and every beginning of each.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  // All of them first: what is tried may give up the right to read them.
  std::vector<std::string> contents;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return 1;
    contents.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string& bytes = contents[i];
    // What aborts is named by the last line.
    std::cout << files[i] << std::endl;
    for (size_t length = 0; length <= bytes.size(); ++length) {
      const std::vector<uint8_t> beginning(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
      (void)LLVMFuzzerTestOneInput(beginning.data(), beginning.size());
    }
  }
  return files.empty() ? 1 : 0;
}
