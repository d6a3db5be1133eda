/* Grad mode, the backward pass, and functions whose gradient is computed by a callback. */
#include "internal.h"

#include <memory>
#include <vector>

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/csrc/autograd/variable.h>

using namespace gx;
using torch::autograd::Node;
using torch::autograd::variable_list;

namespace {

class CallbackNode final : public Node {
public:
    CallbackNode(gx_backward backward, gx_release release, int64_t context, int32_t input_count)
        : backward_(backward), release_(release), context_(context), input_count_(input_count) {}

    ~CallbackNode() override { release_variables(); }

    /* The engine calls this after a backward pass without retain_graph; the destructor when there was none. */
    void release_variables() override {
        if (release_ != nullptr) {
            auto release = release_;
            release_ = nullptr;
            release(context_);
        }
    }

    std::string name() const override { return "GuanxiBackward"; }

    variable_list apply(variable_list&& gradients) override {
        TORCH_CHECK(release_ != nullptr, "backward through the same graph a second time: its saved tensors are gone");
        std::vector<void*> outputs;
        outputs.reserve(gradients.size());
        for (auto& gradient : gradients) outputs.push_back(optional_handle_of(std::move(gradient)));
        std::vector<void*> inputs(static_cast<size_t>(input_count_), nullptr);
        char message[2048] = {0};
        const auto status = backward_(context_, outputs.data(), static_cast<int32_t>(outputs.size()), inputs.data(), input_count_,
                                      message, static_cast<int32_t>(sizeof(message)) - 1);
        variable_list result;
        result.reserve(inputs.size());
        for (auto handle : inputs) {
            result.push_back(handle == nullptr ? at::Tensor() : std::move(tensor_of(handle)));
            gx_tensor_free(handle);
        }
        TORCH_CHECK(status == GX_OK, message);
        return result;
    }

private:
    gx_backward backward_;
    gx_release release_;
    int64_t context_;
    int32_t input_count_;
};

/* Tells that a leaf's gradient has been added to; keeps the leaf's accumulator alive, which otherwise goes with every graph. */
class GradientWatch {
public:
    GradientWatch(const at::Tensor& leaf, gx_gradient_ready ready, int64_t context)
        : accumulator_(torch::autograd::impl::grad_accumulator(leaf)) {
        TORCH_CHECK(accumulator_ != nullptr, "only a leaf that requires a gradient can be watched");
        key_ = accumulator_->add_post_hook(std::make_unique<Hook>(ready, context));
    }
    ~GradientWatch() { accumulator_->del_post_hook(key_); }
    GradientWatch(const GradientWatch&) = delete;
    GradientWatch& operator=(const GradientWatch&) = delete;

private:
    class Hook final : public torch::autograd::FunctionPostHook {
    public:
        Hook(gx_gradient_ready ready, int64_t context) : ready_(ready), context_(context) {}
        variable_list operator()(const variable_list& outputs, const variable_list&) override {
            ready_(context_);
            return outputs;
        }

    private:
        gx_gradient_ready ready_;
        int64_t context_;
    };

    std::shared_ptr<Node> accumulator_;
    uintptr_t key_ = 0;
};

variable_list list_of(void* const* handles, int32_t count) {
    variable_list list;
    list.reserve(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; i++) list.push_back(handles[i] == nullptr ? at::Tensor() : tensor_of(handles[i]));
    return list;
}

}  // namespace

int32_t gx_grad_mode_get(uint8_t* enabled) {
    return guarded([&] { *enabled = at::GradMode::is_enabled(); });
}

int32_t gx_grad_mode_set(uint8_t enabled) {
    return guarded([&] { at::GradMode::set_enabled(enabled != 0); });
}

int32_t gx_backward_run(void* const* roots, void* const* gradients, int32_t count, uint8_t retain_graph) {
    return guarded([&] {
        torch::autograd::backward(list_of(roots, count), list_of(gradients, count), retain_graph != 0);
    });
}

int32_t gx_autograd_record(void* const* inputs, int32_t input_count, void* const* outputs, int32_t output_count,
                           gx_backward backward, gx_release release, int64_t context, void** recorded) {
    return guarded([&] {
        auto node = std::shared_ptr<CallbackNode>(new CallbackNode(backward, release, context, input_count),
                                                  torch::autograd::deleteNode);
        node->set_next_edges(torch::autograd::collect_next_edges(list_of(inputs, input_count)));
        std::vector<std::unique_ptr<at::Tensor>> made;
        made.reserve(static_cast<size_t>(output_count));
        for (int32_t i = 0; i < output_count; i++) {
            made.push_back(std::make_unique<at::Tensor>(tensor_of(outputs[i]).detach()));
            torch::autograd::create_gradient_edge(*made.back(), node);
        }
        for (int32_t i = 0; i < output_count; i++) recorded[i] = made[static_cast<size_t>(i)].release();
    });
}

int32_t gx_gradient_watch(void* leaf, gx_gradient_ready ready, int64_t context, void** watch) {
    return guarded([&] { *watch = new GradientWatch(tensor_of(leaf), ready, context); });
}

void gx_gradient_watch_free(void* watch) { delete static_cast<GradientWatch*>(watch); }
