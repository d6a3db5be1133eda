namespace Guanxi.Torch;

/// <summary>libtorch, or the shim between it and this library, refused an operation.</summary>
public sealed class TorchException : Exception
{
    /// <summary>Makes an exception that no operator caused.</summary>
    /// <param name="message">What is wrong and what to do.</param>
    public TorchException(string message)
        : this(message, operation: null, isOutOfMemory: false)
    {
    }

    private TorchException(string message, string? operation, bool isOutOfMemory)
        : base(message)
    {
        Operation = operation;
        IsOutOfMemory = isOutOfMemory;
    }

    /// <summary>Name of the operator or native function that failed, or null.</summary>
    public string? Operation { get; }

    /// <summary>Whether host or device memory ran out.</summary>
    public bool IsOutOfMemory { get; }

    internal static TorchException FromStatus(int status, string operation, string nativeMessage)
    {
        const int OutOfMemory = 2;
        return new TorchException($"{operation}: {nativeMessage}", operation, status == OutOfMemory);
    }
}
