namespace Guanxi.Transformers.Tests.Checkpoints;

/// <summary>Damage of every kind that a file can suffer.</summary>
internal static class Mutation
{
    /// <summary>A damaged copy.</summary>
    public static byte[] Of(byte[] original, Random random)
    {
        var image = (byte[])original.Clone();
        switch (random.Next(5))
        {
            case 0:
                for (var flips = random.Next(1, 4); flips > 0; flips--)
                {
                    image[random.Next(image.Length)] ^= (byte)(1 << random.Next(8));
                }

                return image;
            case 1:
                return image[..random.Next(image.Length)];
            case 2:
                var place = random.Next(image.Length);
                return [.. image[..place], .. new byte[random.Next(1, 100)], .. image[place..]];
            case 3:
                random.NextBytes(image.AsSpan(random.Next(image.Length - 8), random.Next(1, 8)));
                return image;
            default:
                // A piece of the file over another: what stands there is sound in itself.
                var length = random.Next(1, 40);
                image.AsSpan(random.Next(image.Length - length), length).CopyTo(image.AsSpan(random.Next(image.Length - length)));
                return image;
        }
    }
}
