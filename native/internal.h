/* Shared by the files of the shim: handles, and the one place where C++ exceptions end. */
#pragma once

#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>

#include <torch/torch.h>

#include "guanxi_torch.h"

namespace gx {

/* What this libtorch or this processor lacks: GX_NOT_AVAILABLE. */
class not_available final : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/* Keeps the message for gx_last_error. */
void set_error(const char* message) noexcept;

/* Status that an exception stands for; its message is kept. */
int32_t fail(const std::exception& error) noexcept;

inline at::Tensor& tensor_of(void* handle) { return *static_cast<at::Tensor*>(handle); }

inline void* handle_of(at::Tensor tensor) { return new at::Tensor(std::move(tensor)); }

/* Handle, or null for an undefined tensor. */
inline void* optional_handle_of(at::Tensor tensor) { return tensor.defined() ? handle_of(std::move(tensor)) : nullptr; }

/* The body of every function of the ABI that can fail: nothing that throws stands outside of it. */
template <class Body>
int32_t guarded(Body&& body) noexcept {
    try {
        body();
        return GX_OK;
    } catch (const std::exception& error) {
        return fail(error);
    } catch (...) {
        set_error("unknown C++ exception");
        return GX_ERROR;
    }
}

}  // namespace gx
