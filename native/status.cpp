/* Errors, versions, threads, devices, random state. */
#include "internal.h"

#include <cctype>

#include <dlfcn.h>

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/cuda.h>
#include <torch/version.h>

namespace gx {
namespace {
thread_local std::string last_error;

int32_t copy_text(const std::string& value, char* text, int32_t capacity, int32_t* needed) {
    *needed = static_cast<int32_t>(value.size());
    if (text != nullptr && capacity > 0) {
        std::memcpy(text, value.data(), std::min<size_t>(value.size(), static_cast<size_t>(capacity)));
    }
    return GX_OK;
}

at::Generator generator_of(int32_t device_type, int32_t device_index) {
    return at::globalContext().defaultGenerator(
        at::Device(static_cast<at::DeviceType>(device_type), static_cast<c10::DeviceIndex>(device_index)));
}
}  // namespace

void set_error(const std::string& message) { last_error = message; }

int32_t fail(const std::exception& error) {
    auto torch_error = dynamic_cast<const c10::Error*>(&error);
    set_error(torch_error != nullptr ? torch_error->what_without_backtrace() : error.what());
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

int32_t gx_torch_config(char* text, int32_t capacity, int32_t* needed) {
    return guarded([&] { copy_text(at::show_config(), text, capacity, needed); });
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
    return guarded([&] { at::set_num_threads(count); });
}

int32_t gx_cuda_device_count(int32_t* count) {
    return guarded([&] { *count = static_cast<int32_t>(torch::cuda::device_count()); });
}

int32_t gx_cuda_memory(int32_t device_index, int64_t* free_bytes, int64_t* total_bytes) {
    /* Looked up at run time: the shim builds without CUDA's headers, and libtorch brings the runtime along. */
    using set_device = int (*)(int);
    using get_info = int (*)(size_t*, size_t*);
    auto set = reinterpret_cast<set_device>(dlsym(RTLD_DEFAULT, "cudaSetDevice"));
    auto get = reinterpret_cast<get_info>(dlsym(RTLD_DEFAULT, "cudaMemGetInfo"));
    size_t available = 0, total = 0;
    if (set == nullptr || get == nullptr) {
        set_error("this libtorch has no CUDA");
        return GX_NOT_AVAILABLE;
    }
    if (set(device_index) != 0 || get(&available, &total) != 0) {
        set_error("CUDA does not tell the memory of device " + std::to_string(device_index));
        return GX_ERROR;
    }
    *free_bytes = static_cast<int64_t>(available);
    *total_bytes = static_cast<int64_t>(total);
    return GX_OK;
}

int32_t gx_cuda_synchronize(int32_t device_index) {
    return guarded([&] { torch::cuda::synchronize(device_index); });
}

int32_t gx_seed(int64_t seed) {
    return guarded([&] { at::manual_seed(static_cast<uint64_t>(seed)); });
}

int32_t gx_rng_get_state(int32_t device_type, int32_t device_index, void** state) {
    return guarded([&] {
        auto generator = generator_of(device_type, device_index);
        std::lock_guard<std::mutex> lock(generator.mutex());
        *state = handle_of(generator.get_state());
    });
}

int32_t gx_rng_set_state(int32_t device_type, int32_t device_index, void* state) {
    return guarded([&] {
        auto generator = generator_of(device_type, device_index);
        std::lock_guard<std::mutex> lock(generator.mutex());
        generator.set_state(tensor_of(state));
    });
}
