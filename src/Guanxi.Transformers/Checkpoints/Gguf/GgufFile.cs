using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>
/// A GGUF file. Tensors of the families that are known have Hugging Face's names, order of rows and fused matrices; blocks are brought
/// to Float32, one tensor at a time, when it is asked for.
/// </summary>
public sealed class GgufFile : TensorFile
{
    private const string Ending = ".gguf";
    private const string ArchitectureKey = "general.architecture";

    private readonly Dictionary<string, Piece[]> _pieces;

    private GgufFile(
        MappedFile mapped, GgufHeader header, OrderedDictionary<string, TensorEntry> entries, Dictionary<string, Piece[]> pieces)
        : base(mapped, entries)
    {
        Metadata = header.Metadata;
        Tensors = header.Tensors;
        _pieces = pieces;
    }

    /// <summary>The keys of the header.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors as the file itself names and stores them.</summary>
    public IReadOnlyDictionary<string, GgufTensorInfo> Tensors { get; }

    /// <summary>The family that the file says it belongs to, or null.</summary>
    internal string? Architecture => ArchitectureOf(Metadata);

    /// <summary>Whether a path is called as such a file is.</summary>
    /// <param name="path">Any path.</param>
    /// <returns>True when it ends with <c>.gguf</c>.</returns>
    public static bool IsNamed(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.EndsWith(Ending, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The mapped file, owned by the caller.</returns>
    /// <exception cref="CheckpointException">
    /// The file cannot be read, breaks a rule of the format, or stores a tensor in a way that is not read.
    /// </exception>
    public static GgufFile Open(string path)
    {
        try
        {
            using var stream = MappedFile.OpenStream(path);
            if (stream.Length == 0)
            {
                throw new CheckpointException(new Problem(path, "the file is empty", Hint: "Download it again."));
            }

            var mapped = new MappedFile(stream, path);
            try
            {
                var header = GgufHeader.Read(mapped);
                var (entries, pieces) = new Assembly(path, header).Make();
                return new GgufFile(mapped, header, entries, pieces);
            }
            catch
            {
                mapped.Dispose();
                throw;
            }
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.Wrap(path, "the file cannot be read", error);
        }
    }

    /// <inheritdoc/>
    public override Tensor ToTensor(TensorEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (!entry.IsEncoded)
        {
            return base.ToTensor(entry);
        }

        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var parts = _pieces[entry.Name].Select(piece => Decode(piece, entry.DType)).ToArray();
        return scope.Keep(parts is [var whole] ? whole : Tensor.Cat(parts, 0));
    }

    /// <summary>Brings rows of a matrix or bias from the order of the file, pairs, to that of Hugging Face, halves.</summary>
    internal static Tensor PairsToHalves(Tensor rows, long heads) => Swap(rows, heads, rows.Size(0) / heads / 2, 2);

    /// <summary>The way back.</summary>
    internal static Tensor HalvesToPairs(Tensor rows, long heads) => Swap(rows, heads, 2, rows.Size(0) / heads / 2);

    // Within every head: outer groups of inner rows become inner groups of outer rows.
    private static Tensor Swap(Tensor rows, long heads, long outer, long inner)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(rows.Reshape(heads, outer, inner, rows.ElementCount / rows.Size(0)).Transpose(1, 2).Reshape(rows.Shape));
    }

    private static string? ArchitectureOf(GgufMetadata metadata) => metadata.Text(ArchitectureKey, []);

    private Tensor Decode(Piece piece, DType dtype)
    {
        using var scope = TensorScope.Enter();
        var info = piece.Info;
        var stored = GgmlBlocks.PlainTypeOf(info.Type) is { } plain
            ? base.ToTensor(new TensorEntry(info.Name, plain, info.Shape, info.Offset, info.ByteLength))
            : GgmlBlocks.Dequantize(Buffer, info.Offset, info.Type, info.Shape);
        var ordered = piece.PairedHeads is { } heads ? PairsToHalves(stored, heads) : stored;
        if (ordered != stored || !info.IsPlain)
        {
            MappedPages.Release(Buffer, info.Offset, info.ByteLength);
        }

        return scope.Keep(ordered.To(dtype));
    }

    /// <summary>One tensor of the file that an entry is made of.</summary>
    /// <param name="Info">The tensor.</param>
    /// <param name="PairedHeads">Heads whose rows stand in pairs; null when they stand as they should.</param>
    private sealed record Piece(GgufTensorInfo Info, long? PairedHeads);

    /// <summary>Finds for every tensor of the model what it is made of.</summary>
    private sealed class Assembly(string path, GgufHeader header)
    {
        private readonly GgufMetadata _metadata = header.Metadata;
        private readonly List<Problem> _problems = [];
        private readonly OrderedDictionary<string, TensorEntry> _entries = new(StringComparer.Ordinal);
        private readonly Dictionary<string, Piece[]> _pieces = new(StringComparer.Ordinal);
        private readonly HashSet<string> _fused = new(StringComparer.Ordinal);

        public (OrderedDictionary<string, TensorEntry> Entries, Dictionary<string, Piece[]> Pieces) Make()
        {
            var family = GgufFamily.Find(ArchitectureOf(_metadata));
            foreach (var info in header.Tensors.Values)
            {
                var name = family is null ? info.Name : GgufNames.ToOther(info.Name);
                if (family is { IsFused: true } && FusedName(name) is { } fused)
                {
                    AddFused(family, fused, name);
                }
                else
                {
                    Add(name, [PieceOf(family, name, info)]);
                }
            }

            return _problems.Count == 0 ? (_entries, _pieces) : throw new CheckpointException(_problems);
        }

        private static string? FusedName(string name) => Array.Find(GgufNames.FusedParts, part => IsPart(name, part)) is { } part
            ? name.Replace(part, GgufNames.Fused, StringComparison.Ordinal)
            : null;

        private static bool IsPart(string name, string part) => name.Contains($".self_attn.{part}.", StringComparison.Ordinal);

        // The first of the three that comes stands for all.
        private void AddFused(GgufFamily family, string fused, string name)
        {
            if (!_fused.Add(fused))
            {
                return;
            }

            var pieces = new List<Piece>();
            foreach (var part in GgufNames.FusedParts)
            {
                var other = fused.Replace(GgufNames.Fused, part, StringComparison.Ordinal);
                var inFile = GgufNames.ToGguf(other);
                if (inFile is null || !header.Tensors.TryGetValue(inFile, out var info))
                {
                    _problems.Add(new Problem(path,
                        $"tensor {FileErrors.Quote(inFile ?? other)} is missing beside {FileErrors.Quote(name)}"));
                    return;
                }

                pieces.Add(PieceOf(family, other, info));
            }

            if (pieces.Any(piece => !piece.Info.Shape.AsSpan(1).SequenceEqual(pieces[0].Info.Shape.AsSpan(1))))
            {
                _problems.Add(new Problem(path, $"the parts of {FileErrors.Quote(fused)} are of different widths"));
                return;
            }

            Add(fused, [.. pieces]);
        }

        private Piece PieceOf(GgufFamily? family, string name, GgufTensorInfo info)
        {
            if (family is not { PairsRotaryRows: true } || !(IsPart(name, "q_proj") || IsPart(name, "k_proj")))
            {
                return new Piece(info, null);
            }

            var all = _metadata.Whole($"{family.Name}.attention.head_count", _problems) ?? 0;
            var heads = IsPart(name, "q_proj") ? all : _metadata.Whole($"{family.Name}.attention.head_count_kv", _problems) ?? all;
            if (heads < 1 || info.Shape[0] % (2 * heads) != 0)
            {
                _problems.Add(new Problem(path, $"rows of tensor {FileErrors.Quote(info.Name)} are no heads of pairs",
                    $"a multiple of 2 x {heads} heads", $"{info.Shape[0]}"));
            }

            return new Piece(info, heads);
        }

        private void Add(string name, Piece[] pieces)
        {
            var first = pieces[0].Info;
            long[] shape = [pieces.Sum(piece => piece.Info.Shape[0]), .. first.Shape[1..]];
            var type = pieces.All(piece => piece.Info.Type == first.Type) ? GgmlBlocks.PlainTypeOf(first.Type) : null;
            var isPlain = type is not null && pieces is [{ PairedHeads: null }];
            var dtype = type ?? DType.Float32;
            _ = SafetensorsHeader.TryByteLength(shape, dtype, out var bytes);
            if (!_entries.TryAdd(name, new TensorEntry(name, dtype, shape, first.Offset, bytes) { IsEncoded = !isPlain }))
            {
                _problems.Add(new Problem(path, $"two tensors mean {FileErrors.Quote(name)}"));
            }

            _pieces[name] = pieces;
        }
    }
}
