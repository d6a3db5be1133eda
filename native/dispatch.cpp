/* Any operator by its name: arguments become IValues, c10's dispatcher does the rest. */
#include "internal.h"

#include <ATen/core/dispatch/Dispatcher.h>

using namespace gx;

namespace {

c10::IValue list_of_tensors(const gx_value& value) {
    c10::List<at::Tensor> list;
    auto handles = static_cast<void* const*>(value.pointer);
    list.reserve(static_cast<size_t>(value.integer));
    for (int64_t i = 0; i < value.integer; i++) list.push_back(tensor_of(handles[i]));
    return list;
}

c10::IValue list_of_integers(const gx_value& value) {
    auto items = static_cast<const int64_t*>(value.pointer);
    c10::List<int64_t> list;
    list.reserve(static_cast<size_t>(value.integer));
    for (int64_t i = 0; i < value.integer; i++) list.push_back(items[i]);
    return list;
}

c10::IValue to_ivalue(const gx_value& value) {
    switch (value.tag) {
        case GX_NONE: return c10::IValue();
        case GX_TENSOR: return tensor_of(value.pointer);
        case GX_INT: return value.integer;
        case GX_DOUBLE: return value.real;
        case GX_BOOL: return value.integer != 0;
        case GX_STRING: return std::string(static_cast<const char*>(value.pointer), static_cast<size_t>(value.integer));
        case GX_INT_LIST: return list_of_integers(value);
        case GX_TENSOR_LIST: return list_of_tensors(value);
        case GX_DEVICE:
            return at::Device(static_cast<at::DeviceType>(value.integer / 256),
                              static_cast<c10::DeviceIndex>(value.integer % 256 - 1));
        default: TORCH_CHECK(false, "unknown argument tag ", value.tag);
    }
}

/* What it has written when it throws, drop frees. */
void from_ivalue(c10::IValue&& value, gx_value& result) {
    std::memset(&result, 0, sizeof(result));
    if (value.isTensor()) {
        result.pointer = optional_handle_of(std::move(value).toTensor());
        result.tag = result.pointer == nullptr ? GX_NONE : GX_TENSOR;
    } else if (value.isInt()) {
        result.tag = GX_INT;
        result.integer = value.toInt();
    } else if (value.isDouble()) {
        result.tag = GX_DOUBLE;
        result.real = value.toDouble();
    } else if (value.isBool()) {
        result.tag = GX_BOOL;
        result.integer = value.toBool();
    } else if (value.isTensorList()) {
        auto tensors = value.toTensorVector();
        auto handles = new void*[tensors.size()];
        result.tag = GX_TENSOR_LIST;
        result.pointer = handles;
        for (auto& tensor : tensors) {
            handles[result.integer] = handle_of(std::move(tensor));
            result.integer++;
        }
    } else {
        TORCH_CHECK(value.isNone(), "an operator answered with a type that the ABI does not carry: ", value.tagKind());
    }
}

void drop(const gx_value& result) {
    if (result.tag == GX_TENSOR) {
        gx_tensor_free(result.pointer);
    } else if (result.tag == GX_TENSOR_LIST) {
        for (int64_t i = 0; i < result.integer; i++) gx_tensor_free(static_cast<void**>(result.pointer)[i]);
        gx_list_free(result.pointer);
    }
}

void take_results(torch::jit::Stack& stack, gx_value* results) {
    size_t taken = 0;
    try {
        for (; taken < stack.size(); taken++) from_ivalue(std::move(stack[taken]), results[taken]);
    } catch (...) {
        for (size_t i = 0; i <= taken; i++) drop(results[i]);
        throw;
    }
}

}  // namespace

int32_t gx_operator_find(const char* name, int32_t name_length, const char* overload, int32_t overload_length, void** op) {
    return guarded([&] {
        const c10::OperatorName full(std::string(name, static_cast<size_t>(name_length)),
                                     std::string(overload, static_cast<size_t>(overload_length)));
        auto found = c10::Dispatcher::singleton().findSchema(full);
        TORCH_CHECK(found.has_value(), "libtorch ", TORCH_VERSION, " has no operator ", full);
        *op = new c10::OperatorHandle(*found);
    });
}

int32_t gx_operator_call(void* op, const gx_value* arguments, int32_t argument_count, gx_value* results,
                         int32_t result_capacity, int32_t* result_count) {
    return guarded([&] {
        const auto& handle = *static_cast<const c10::OperatorHandle*>(op);
        const auto& schema = handle.schema().arguments();
        TORCH_CHECK(static_cast<size_t>(argument_count) <= schema.size(), handle.schema(), ": ", argument_count, " arguments given");
        torch::jit::Stack stack;
        stack.reserve(schema.size());
        for (int32_t i = 0; i < argument_count; i++) stack.push_back(to_ivalue(arguments[i]));
        for (size_t i = stack.size(); i < schema.size(); i++) {
            TORCH_CHECK(schema[i].default_value().has_value(), handle.schema(), ": argument ", schema[i].name(), " is missing");
            stack.push_back(*schema[i].default_value());
        }
        handle.callBoxed(&stack);
        TORCH_CHECK(stack.size() <= static_cast<size_t>(result_capacity), handle.schema(), ": ", stack.size(), " results");
        take_results(stack, results);
        *result_count = static_cast<int32_t>(stack.size());
    });
}

void gx_list_free(void* list) { delete[] static_cast<void**>(list); }
