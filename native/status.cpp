/* Errors, versions, threads, devices, the seed. */
#include "internal.h"

#include <dlfcn.h>

#include <cctype>
#include <string>

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/cuda.h>
#include <torch/version.h>

namespace gx {
namespace {
thread_local std::string last_error;

void copy_text(const std::string& value, char* text, int32_t capacity, int32_t* needed) {
    *needed = static_cast<int32_t>(value.size());
    if (text != nullptr && capacity > 0) {
        std::memcpy(text, value.data(), std::min<size_t>(value.size(), static_cast<size_t>(capacity)));
    }
}
}  // namespace

void set_error(const char* message) noexcept {
    try {
        last_error = message;
    } catch (...) {
        last_error.clear(); /* no memory for the message: the status alone tells */
    }
}

int32_t fail(const std::exception& error) noexcept {
    auto torch_error = dynamic_cast<const c10::Error*>(&error);
    set_error(torch_error != nullptr ? torch_error->what_without_backtrace() : error.what());
    if (dynamic_cast<const not_available*>(&error) != nullptr) return GX_NOT_AVAILABLE;
    /* c10::OutOfMemoryError exists in 2.x only and CPU allocation fails as a plain c10::Error in both. */
    const bool out_of_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                               last_error.find("out of memory") != std::string::npos ||
                               last_error.find("can't allocate memory") != std::string::npos;
    return out_of_memory ? GX_OUT_OF_MEMORY : GX_ERROR;
}
}  // namespace gx

using namespace gx;

const char* gx_last_error(void) { return last_error.c_str(); }

int32_t gx_abi_version(int32_t* version) {
    *version = GX_ABI_VERSION;
    return GX_OK;
}

int32_t gx_torch_version(char* text, int32_t capacity, int32_t* needed) {
    return guarded([&] { copy_text(TORCH_VERSION, text, capacity, needed); });
}

int32_t gx_cpu_capability(char* text, int32_t capacity, int32_t* needed) {
    return guarded([&] {
        /* The function that knows is not exported by every build of libtorch; its answer stands in the configuration. */
        const std::string config = at::show_config(), key = "CPU capability usage: ";
        const auto start = config.find(key);
        const auto from = start == std::string::npos ? config.size() : start + key.size();
        auto name = config.substr(from, config.find_first_of(", \n", from) - from);
        for (auto& letter : name) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
        copy_text(name.empty() ? "unknown" : name, text, capacity, needed);
    });
}

int32_t gx_threads_get(int32_t* count) {
    return guarded([&] { *count = at::get_num_threads(); });
}

int32_t gx_threads_set(int32_t count) {
    return guarded([&] {
        at::set_num_threads(count);
        /* OpenBLAS has threads of its own, which libtorch does not know of: they would go on using every core. */
        if (auto* set_blas = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set_blas(count);
    });
}

int32_t gx_cuda_device_count(int32_t* count) {
    return guarded([&] { *count = static_cast<int32_t>(torch::cuda::device_count()); });
}

int32_t gx_cuda_synchronize(int32_t device_index) {
    return guarded([&] { torch::cuda::synchronize(device_index); });
}

int32_t gx_seed(int64_t seed) {
    return guarded([&] { at::manual_seed(static_cast<uint64_t>(seed)); });
}
