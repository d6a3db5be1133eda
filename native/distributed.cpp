/* Process groups of torch.distributed, without Python: Gloo always, NCCL where libtorch was built with it. */
#include "internal.h"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

using namespace gx;

namespace {

/* In 1.13 a process group is one class, in 2.x a backend of it: the calls are the same, the types are not, and so is Work.
 * This interface is all that the ABI needs of either. */
class Work {
public:
    virtual ~Work() = default;
    virtual void wait() = 0;
};

template <class Pointer>
class WorkOf final : public Work {
public:
    explicit WorkOf(Pointer work) : work_(std::move(work)) {}
    void wait() override { work_->wait(); }

private:
    Pointer work_;
};

template <class Pointer>
Work* wrap(Pointer work) {
    return new WorkOf<Pointer>(std::move(work));
}

class Group {
public:
    virtual ~Group() = default;
    virtual Work* all_reduce(at::Tensor tensor) = 0;
    virtual Work* broadcast(at::Tensor tensor, int32_t root) = 0;
    virtual Work* all_gather(at::Tensor input, std::vector<at::Tensor> outputs) = 0;
};

template <class Backend>
class GroupOf final : public Group {
public:
    explicit GroupOf(c10::intrusive_ptr<Backend> backend) : backend_(std::move(backend)) {}

    Work* all_reduce(at::Tensor tensor) override {
        std::vector<at::Tensor> tensors{std::move(tensor)};
        return wrap(backend_->allreduce(tensors));
    }

    Work* broadcast(at::Tensor tensor, int32_t root) override {
        std::vector<at::Tensor> tensors{std::move(tensor)};
        c10d::BroadcastOptions options;
        options.rootRank = root;
        return wrap(backend_->broadcast(tensors, options));
    }

    Work* all_gather(at::Tensor input, std::vector<at::Tensor> outputs) override {
        std::vector<at::Tensor> inputs{std::move(input)};
        std::vector<std::vector<at::Tensor>> gathered{std::move(outputs)};
        return wrap(backend_->allgather(gathered, inputs));
    }

private:
    c10::intrusive_ptr<Backend> backend_;
};

Group& group_of(void* group) { return *static_cast<Group*>(group); }

/* The interface of GLOO_SOCKET_IFNAME, as torch has it; else the address by which this host reaches rank 0. libtorch's own default is
 * what the host's name stands for, which another host often cannot reach. */
std::shared_ptr<::gloo::transport::Device> gloo_device(const std::string& address) {
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    if (interface != nullptr && *interface != '\0') return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
    return c10d::ProcessGroupGloo::createDeviceForHostname(address);
}

Group* make_gloo(const c10::intrusive_ptr<c10d::Store>& store, const std::string& address, int32_t rank, int32_t world_size,
                 std::chrono::milliseconds timeout) {
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->timeout = timeout;
    options->devices.push_back(gloo_device(address));
    return new GroupOf<c10d::ProcessGroupGloo>(c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, world_size, options));
}

}  // namespace

int32_t gx_group_create(const char* backend, int32_t backend_length, const char* host, int32_t host_length, int32_t port,
                        const char* address, int32_t address_length, int32_t rank, int32_t world_size, int64_t join_milliseconds,
                        int64_t exchange_milliseconds, void** group) {
    return guarded([&] {
        const std::string name(backend, static_cast<size_t>(backend_length));
#ifndef USE_C10D_NCCL
        if (name == "nccl") throw not_available("this build has no NCCL; use gloo");
#endif
        const std::chrono::milliseconds timeout(exchange_milliseconds);
        c10d::TCPStoreOptions options;
        options.port = static_cast<std::uint16_t>(port);
        options.isServer = rank == 0;
        options.numWorkers = static_cast<std::size_t>(world_size);
        options.timeout = std::chrono::milliseconds(join_milliseconds);
        c10::intrusive_ptr<c10d::Store> store =
            c10::make_intrusive<c10d::TCPStore>(std::string(host, static_cast<size_t>(host_length)), options);
        store = c10::make_intrusive<c10d::PrefixStore>("guanxi", store);
#ifdef USE_C10D_NCCL
        if (name == "nccl") {
            auto nccl = c10d::ProcessGroupNCCL::Options::create();
            nccl->timeout = timeout;
            *group = static_cast<Group*>(new GroupOf<c10d::ProcessGroupNCCL>(
                c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, world_size, nccl)));
            return;
        }
#endif
        TORCH_CHECK(name == "gloo", "unknown backend '", name, "'; gloo and nccl exist");
        *group = make_gloo(store, std::string(address, static_cast<size_t>(address_length)), rank, world_size, timeout);
    });
}

void gx_group_free(void* group) { delete static_cast<Group*>(group); }

int32_t gx_group_all_reduce(void* group, void* tensor, void** work) {
    return guarded([&] { *work = group_of(group).all_reduce(tensor_of(tensor)); });
}

int32_t gx_group_broadcast(void* group, void* tensor, int32_t root, void** work) {
    return guarded([&] { *work = group_of(group).broadcast(tensor_of(tensor), root); });
}

int32_t gx_group_all_gather(void* group, void* input, void* const* outputs, int32_t output_count, void** work) {
    return guarded([&] {
        std::vector<at::Tensor> tensors;
        for (int32_t i = 0; i < output_count; i++) tensors.push_back(tensor_of(outputs[i]));
        *work = group_of(group).all_gather(tensor_of(input), std::move(tensors));
    });
}

int32_t gx_work_wait(void* work) {
    return guarded([&] { static_cast<Work*>(work)->wait(); });
}

void gx_work_free(void* work) { delete static_cast<Work*>(work); }
