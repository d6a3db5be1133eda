/* The whole C ABI between Guanxi and libtorch.
 *
 * Rules. Every function but gx_last_error and the gx_*_free functions returns a status; results come through out
 * pointers, which are written only when the status is GX_OK. Handles are owned by the caller and freed once by the
 * matching gx_*_free. Text is UTF-8 with a length in bytes. Integers have fixed width, a bool is a uint8_t.
 * The ABI holds no logic: operators are named by the caller and resolved by libtorch's own dispatcher.
 */
#ifndef GUANXI_TORCH_H
#define GUANXI_TORCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GX_API __attribute__((visibility("default")))

/* Raised whenever a signature or a struct below changes. */
#define GX_ABI_VERSION 5

enum gx_status {
    GX_OK = 0,
    GX_ERROR = 1,           /* libtorch refused; gx_last_error says why */
    GX_OUT_OF_MEMORY = 2,   /* host or device allocation failed */
    GX_NOT_AVAILABLE = 3    /* this libtorch was built without the part asked for */
};

enum gx_tag {
    GX_NONE = 0,
    GX_TENSOR = 1,          /* pointer: handle */
    GX_INT = 2,             /* integer; also ScalarType, Layout, MemoryFormat as their enum value */
    GX_DOUBLE = 3,          /* real */
    GX_BOOL = 4,            /* integer, 0 or 1 */
    GX_STRING = 5,          /* pointer: bytes, integer: their count */
    GX_INT_LIST = 6,        /* pointer: int64_t[], integer: count */
    GX_TENSOR_LIST = 7,     /* pointer: handles, integer: count */
    GX_DEVICE = 8           /* integer: type * 256 + index + 1 (index -1: current device) */
};

/* An argument or a result of an operator. */
typedef struct gx_value {
    int32_t tag;
    int32_t reserved;
    int64_t integer;
    double real;
    void* pointer;
} gx_value;

/* What there is to know of a tensor without reading it. */
typedef struct gx_tensor_info {
    void* data;             /* first element; null for an empty tensor */
    int64_t element_count;
    int64_t owned_bytes;    /* bytes of the storage when no other tensor shares it, else 0 */
    int32_t dtype;          /* c10::ScalarType */
    int32_t device_type;    /* c10::DeviceType: 0 CPU, 1 CUDA */
    int32_t device_index;   /* -1 for the CPU */
    int32_t rank;
    uint8_t requires_grad;
    uint8_t is_contiguous;
    uint8_t reserved[6];
} gx_tensor_info;

/* --- status.cpp ------------------------------------------------------------------------------------------------ */

/* Message of the last failure on this thread; valid until the next failing call on it. Never null. */
GX_API const char* gx_last_error(void);
GX_API int32_t gx_abi_version(int32_t* version);
/* libtorch's version, and its own kernels' instruction set: copies at most capacity bytes, needed is the full count. */
GX_API int32_t gx_torch_version(char* text, int32_t capacity, int32_t* needed);
GX_API int32_t gx_cpu_capability(char* text, int32_t capacity, int32_t* needed);
GX_API int32_t gx_threads_get(int32_t* count);
GX_API int32_t gx_threads_set(int32_t count);
GX_API int32_t gx_cuda_device_count(int32_t* count);
GX_API int32_t gx_cuda_synchronize(int32_t device_index);
/* Seeds every default generator. */
GX_API int32_t gx_seed(int64_t seed);
/* Multiply-accumulate rate of one core for about the time given: kind 0 fp32, 1 bf16 (GX_NOT_AVAILABLE where the
 * processor lacks the instruction). Writes floating-point operations done and seconds taken. */
GX_API int32_t gx_peak(int32_t kind, double seconds, double* operations, double* elapsed);

/* --- tile.cpp -------------------------------------------------------------------------------------------------- */

/* c = a b, or c += a b, where a cell of a and of b is a pair of bf16 numbers that lie one after the other along the depth. Rows are computed
 * twelve at a time: those that fill the last tile up are read and written. */
typedef struct {
    const float* a;    /* [rows, depth] cells, rows a_stride apart */
    const float* b;    /* [panels, depth, 16] cells */
    float* c;          /* [panels, rows, 16] sums, panels c_panel apart, rows c_stride */
    int64_t a_stride;
    int64_t depth;
    int64_t c_stride;
    int64_t c_panel;
    int64_t rows;
    int64_t panels;
    int64_t adds;      /* whether c holds sums to be added to */
} gx_pair_product;

/* Whether this processor has the instruction; without it gx_pairs_multiply must not be called. */
GX_API uint8_t gx_pairs_available(void);
GX_API void gx_pairs_multiply(const gx_pair_product* product);

/* --- tensor.cpp ------------------------------------------------------------------------------------------------ */

/* Called once when memory given to gx_tensor_from_memory is no longer used, on whatever thread drops it last. */
typedef void (*gx_release)(int64_t context);

GX_API void gx_tensor_free(void* tensor);
/* A CPU tensor over the caller's memory, without a copy. */
GX_API int32_t gx_tensor_from_memory(void* data, int32_t dtype, const int64_t* sizes, int32_t rank, gx_release release,
                                     int64_t context, void** tensor);
GX_API int32_t gx_tensor_describe(void* tensor, gx_tensor_info* info);
/* Sizes and strides; both arrays hold rank entries. */
GX_API int32_t gx_tensor_layout(void* tensor, int64_t* sizes, int64_t* strides);
/* Another handle on the same tensor. */
GX_API int32_t gx_tensor_alias(void* tensor, void** alias);
GX_API int32_t gx_tensor_set_requires_grad(void* tensor, uint8_t requires_grad);
/* The accumulated gradient; null when there is none. */
GX_API int32_t gx_tensor_grad(void* tensor, void** grad);
/* Replaces the gradient; null drops it. */
GX_API int32_t gx_tensor_set_grad(void* tensor, void* grad);

/* --- dispatch.cpp ---------------------------------------------------------------------------------------------- */

/* Looks an operator up once, e.g. "aten::add" with overload "Tensor". The handle lives as long as the process. */
GX_API int32_t gx_operator_find(const char* name, int32_t name_length, const char* overload, int32_t overload_length,
                                void** op);
/* Calls it boxed. Omitted trailing arguments take the schema's defaults. A list of tensors in results points to an
 * array that gx_list_free frees; its handles, like single ones, belong to the caller. */
GX_API int32_t gx_operator_call(void* op, const gx_value* arguments, int32_t argument_count, gx_value* results,
                                int32_t result_capacity, int32_t* result_count);
GX_API void gx_list_free(void* list);

/* --- autograd.cpp ---------------------------------------------------------------------------------------------- */

/* Computes gradients of a recorded function. Reads output_count handles in grad_outputs (null: no gradient flowed), which
 * it must free; writes input_count handles to grad_inputs (null: none), which the caller takes over. A status other than
 * GX_OK ends the backward pass with the message written to message (UTF-8, zero-terminated, at most capacity bytes). */
typedef int32_t (*gx_backward)(int64_t context, void** grad_outputs, int32_t output_count, void** grad_inputs,
                               int32_t input_count, char* message, int32_t capacity);

GX_API int32_t gx_grad_mode_get(uint8_t* enabled);
GX_API int32_t gx_grad_mode_set(uint8_t enabled);
/* Backward from several roots; a null gradient stands for 1. Gradients accumulate in the leaves. */
GX_API int32_t gx_backward_run(void* const* roots, void* const* gradients, int32_t count, uint8_t retain_graph);
/* Records outputs as a function of inputs: recorded[i] shares the memory of outputs[i] and has the callback as its
 * gradient function. release is called once: when the graph lets go of the node, or when this function fails. */
GX_API int32_t gx_autograd_record(void* const* inputs, int32_t input_count, void* const* outputs, int32_t output_count,
                                  gx_backward backward, gx_release release, int64_t context, void** recorded);

/* Must not fail: it stands in the middle of a backward pass. */
typedef void (*gx_gradient_ready)(int64_t context);
/* Calls ready whenever a backward pass has added to a leaf's gradient, on the thread that did so, until the watch is freed. */
GX_API int32_t gx_gradient_watch(void* leaf, gx_gradient_ready ready, int64_t context, void** watch);
GX_API void gx_gradient_watch_free(void* watch);

/* --- distributed.cpp ------------------------------------------------------------------------------------------- */

/* Joins a group of world_size processes over a TCP store at host:port, which rank 0 opens. backend: "gloo" or "nccl". address is where the
 * others reach this process. */
GX_API int32_t gx_group_create(const char* backend, int32_t backend_length, const char* host, int32_t host_length,
                               int32_t port, const char* address, int32_t address_length, int32_t rank, int32_t world_size,
                               int64_t join_milliseconds, int64_t exchange_milliseconds, void** group);
GX_API void gx_group_free(void* group);
/* Sums in place over all ranks; the work handle is waited for by gx_work_wait. */
GX_API int32_t gx_group_all_reduce(void* group, void* tensor, void** work);
GX_API int32_t gx_group_broadcast(void* group, void* tensor, int32_t root, void** work);
/* outputs: world_size tensors shaped like input. */
GX_API int32_t gx_group_all_gather(void* group, void* input, void* const* outputs, int32_t output_count, void** work);
GX_API int32_t gx_work_wait(void* work);
GX_API void gx_work_free(void* work);

#ifdef __cplusplus
}
#endif

#endif
