/* Tensors: memory, description, gradients. */
#include "internal.h"

using namespace gx;

void gx_tensor_free(void* tensor) { delete static_cast<at::Tensor*>(tensor); }

int32_t gx_tensor_from_memory(void* data, int32_t dtype, const int64_t* sizes, int32_t rank, gx_release release,
                              int64_t context, void** tensor) {
    return guarded([&] {
        auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
        *tensor = handle_of(at::from_blob(
            data, at::IntArrayRef(sizes, static_cast<size_t>(rank)),
            [release, context](void*) {
                if (release != nullptr) release(context);
            },
            options));
    });
}

int32_t gx_tensor_describe(void* tensor, gx_tensor_info* info) {
    return guarded([&] {
        const auto& value = tensor_of(tensor);
        std::memset(info, 0, sizeof(*info));
        info->data = value.numel() == 0 ? nullptr : value.data_ptr();
        info->element_count = value.numel();
        info->owned_bytes = value.storage().use_count() == 1 ? static_cast<int64_t>(value.storage().nbytes()) : 0;
        info->dtype = static_cast<int32_t>(value.scalar_type());
        info->device_type = static_cast<int32_t>(value.device().type());
        info->device_index = value.device().index();
        info->rank = static_cast<int32_t>(value.dim());
        info->requires_grad = value.requires_grad();
        info->is_contiguous = value.is_contiguous();
    });
}

int32_t gx_tensor_layout(void* tensor, int64_t* sizes, int64_t* strides) {
    return guarded([&] {
        const auto& value = tensor_of(tensor);
        const auto bytes = sizeof(int64_t) * static_cast<size_t>(value.dim());
        std::memcpy(sizes, value.sizes().data(), bytes);
        std::memcpy(strides, value.strides().data(), bytes);
    });
}

int32_t gx_tensor_alias(void* tensor, void** alias) {
    return guarded([&] { *alias = handle_of(tensor_of(tensor)); });
}

int32_t gx_tensor_set_requires_grad(void* tensor, uint8_t requires_grad) {
    return guarded([&] { tensor_of(tensor).set_requires_grad(requires_grad != 0); });
}

int32_t gx_tensor_grad(void* tensor, void** grad) {
    return guarded([&] { *grad = optional_handle_of(tensor_of(tensor).grad()); });
}

int32_t gx_tensor_set_grad(void* tensor, void* grad) {
    return guarded([&] { tensor_of(tensor).mutable_grad() = grad == nullptr ? at::Tensor() : tensor_of(grad); });
}
