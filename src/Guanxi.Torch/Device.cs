using System.Globalization;

namespace Guanxi.Torch;

/// <summary>Where a tensor's memory is.</summary>
/// <param name="Kind">Processor or accelerator.</param>
/// <param name="Index">Number of the accelerator; -1 for the CPU.</param>
public readonly record struct Device(DeviceKind Kind, int Index)
{
    /// <summary>The host processor.</summary>
    public static Device Cpu => new(DeviceKind.Cpu, -1);

    /// <summary>Whether this is the host processor.</summary>
    public bool IsCpu => Kind == DeviceKind.Cpu;

    internal long Code => ((long)Kind * 256) + Index + 1;

    /// <summary>An NVIDIA GPU.</summary>
    /// <param name="index">Number of the card, from 0.</param>
    /// <returns>The device.</returns>
    public static Device Cuda(int index) => new(DeviceKind.Cuda, index);

    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    /// <param name="text">The name.</param>
    /// <param name="device">The device when the text names one.</param>
    /// <returns>Whether it does.</returns>
    public static bool TryParse(string text, out Device device)
    {
        ArgumentNullException.ThrowIfNull(text);
        device = Cpu;
        if (text == "cpu")
        {
            return true;
        }

        if (text == "cuda")
        {
            device = Cuda(0);
            return true;
        }

        const string Prefix = "cuda:";
        if (text.StartsWith(Prefix, StringComparison.Ordinal)
            && int.TryParse(text.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
        {
            device = Cuda(index);
            return true;
        }

        return false;
    }

    /// <summary>The name that <see cref="TryParse"/> reads.</summary>
    /// <returns><c>cpu</c> or <c>cuda:N</c>.</returns>
    public override string ToString() => IsCpu ? "cpu" : $"cuda:{Math.Max(Index, 0)}";
}

/// <summary>Kinds of device, numbered as <c>c10::DeviceType</c>.</summary>
public enum DeviceKind
{
    /// <summary>Host processor.</summary>
    Cpu = 0,

    /// <summary>NVIDIA GPU.</summary>
    Cuda = 1,
}
