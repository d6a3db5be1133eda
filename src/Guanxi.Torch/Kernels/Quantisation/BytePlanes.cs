using System.Runtime.Intrinsics;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>A table of sixteen values cut into planes, one for each byte of its values, twice in a row: what vpshufb looks up in.</summary>
/// <param name="Plane0">Lowest bytes.</param>
/// <param name="Plane1">The bytes above them.</param>
/// <param name="Plane2">The bytes above those.</param>
/// <param name="Plane3">Highest bytes.</param>
internal readonly unsafe record struct BytePlanes(Vector256<byte> Plane0, Vector256<byte> Plane1, Vector256<byte> Plane2, Vector256<byte> Plane3)
{
    /// <summary>Shuffle that brings the lower bytes of eight values of 16 bits together, then their upper ones.</summary>
    public static Vector128<byte> Split => Vector128.Create((byte)0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);

    /// <summary>Cuts a table.</summary>
    /// <param name="table">Sixteen values.</param>
    /// <returns>Its planes.</returns>
    public static BytePlanes Of(float* table) => new(Plane(table, 0), Plane(table, 1), Plane(table, 2), Plane(table, 3));

    private static Vector256<byte> Plane(float* table, int number)
    {
        Span<byte> plane = stackalloc byte[FourBitCode.Count];
        for (var i = 0; i < FourBitCode.Count; i++)
        {
            plane[i] = (byte)(BitConverter.SingleToUInt32Bits(table[i]) >> (8 * number));
        }

        var bytes = Vector128.Create<byte>(plane);
        return Vector256.Create(bytes, bytes);
    }
}
