using Guanxi.TestKit;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Torch;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints.Torch;

/// <summary>Files that must be refused, each with its reason and without running or allocating what it asks for.</summary>
public sealed class TorchFileRefusalTests
{
    private const long AllowedBytes = 1L << 20;

    public static TheoryData<string, string> Malicious => new()
    {
        { "os-system.bin", "not allowed; expected what tensors are made of; found 'posix.system'" },
        { "os-system-legacy.bin", "not allowed; expected what tensors are made of; found 'posix.system'" },
        { "eval-build.bin", "found '__builtin__.eval'" },
        { "random-class.bin", "found 'fractions.Fraction'" },
        { "getattr-chain.bin", "found '__builtin__.getattr'" },
        { "truncated.bin", "the zip directory is missing" },
        { "truncated-pickle.bin", "data.pkl, byte 29: the data end early" },
        { "not-a-dict.bin", "the pickle holds no weights; expected a dictionary of names with tensors; found a list" },
        { "stack-underflow.bin", "the pickle takes a value from an empty stack" },
        { "memo-missing.bin", "the pickle recalls value 7, which it never stored" },
        { "deep-nesting.bin", "the pickle nests or collects too much" },
        { "huge-string-length.bin", "the data end early; expected 2147483647 more bytes; found 4" },
        { "offset-out-of-range.bin", "tensor 'a' reaches past its storage; expected at most 12 elements" },
        { "stride-out-of-range.bin", "tensor 'a' reaches past its storage" },
        { "negative-offset.bin", "tensor 'a' has an impossible shape" },
        { "negative-stride.bin", "tensor 'a' has an impossible shape" },
        { "shape-overflow.bin", "tensor 'a' reaches past its storage" },
        { "numel-lies.bin", "the storage of tensor 'a' is of another size; expected 1099511627776 x Float32; found 48 bytes" },
        { "missing-storage.bin", "storage '7' of tensor 'a' is not in the file" },
        { "storage-key-path.bin", "storage '../../data/0' of tensor 'a' is not in the file" },
        { "zip-bomb.bin", "member 'archive/data/0' is compressed or encrypted" },
        { "declared-size.bin", "member 'archive/data/0' lies outside the file" },
        { "overlapping-members.bin", "member 'archive/data/1'" },
        { "empty.bin", "the file is empty" },
    };

    [GoldenTheory("golden/models/malicious")]
    [MemberData(nameof(Malicious))]
    public void Every_malicious_file_is_refused_with_its_reason(string name, string reason)
    {
        var path = Golden.Locate($"models/malicious/{name}");
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<CheckpointException>(() => CheckpointReader.Open(path));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllowedBytes);
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists("PWNED") || File.Exists(Path.Combine(AppContext.BaseDirectory, "PWNED")));
    }

    [GoldenFact("golden/models/malicious")]
    public void No_malicious_file_is_forgotten_and_the_good_one_is_read()
    {
        var files = Directory.EnumerateFiles(Golden.Locate("models/malicious"), "*.bin").Select(path => Path.GetFileName(path)).Order();
        Assert.Equal(files, Malicious.Select(row => (string)row[0]).Append("good.bin").Order());

        using var good = TorchFile.Open(Golden.Locate("models/malicious/good.bin"));
        Assert.Equal([3L, 4L], good.Entries["a.weight"].Shape);
        Assert.Equal(Enumerable.Range(0, 12).Select(i => i / 8f), good.ReadSingles("a.weight"));
    }

    [Theory]
    [InlineData("}0", "an instruction that no checkpoint needs; found 0x30")]
    [InlineData("N", "the pickle holds no weights; expected a dictionary of names with tensors; found None")]
    [InlineData("}}", "the pickle ends with values left over")]
    [InlineData("}NNs", "a key is no text; found None")]
    [InlineData("}U\u0001aNs", "'a' is no tensor; expected a tensor; found None")]
    [InlineData("}U\u0001a}s", "The weights may lie one level deeper")]
    [InlineData("}U\u0001a\u0080\u0002s", "an instruction that no checkpoint needs; found 0x80")]
    [InlineData("](e}e", "goes back to a mark that it never set")]
    [InlineData("](a", "takes a value from an empty stack")]
    [InlineData("}(Nu", "a key without a value")]
    [InlineData("}Na", "changes a value of another kind; expected a list")]
    [InlineData("]NNs", "changes a value of another kind; expected a dictionary")]
    [InlineData("]}b", "changes a value of another kind; expected a dictionary")]
    [InlineData("}]b", "attributes are set by something else")]
    [InlineData("}q\u0001", "stores a value out of turn; expected at most number 0; found 1")]
    [InlineData("NN\u0093", "the name of a function or class is no text")]
    [InlineData("NQ", "something outside that is no storage")]
    [InlineData("ctorch\nFloatStorage\n)R", "a call that is not one of torch's")]
    [InlineData("ctorch._utils\n_rebuild_tensor_v2\n)R", "a call that is not one of torch's; found RebuildTensor")]
    [InlineData("ccollections\nOrderedDict\nN\u0085R", "a call that is not one of torch's; found OrderedDict")]
    [InlineData("ctorch._utils\n_rebuild_qtensor\n", "found 'torch._utils._rebuild_qtensor'")]
    [InlineData("U\u0001\u00ff", "a text is not UTF-8")]
    [InlineData("\u0095", "the data end early")]
    public void A_pickle_that_breaks_a_rule_is_refused(string instructions, string reason) =>
        Refuse(TorchImage.Zip(new PickleImage().Op(instructions).Stop()), reason);

    [Fact]
    public void A_tensor_that_does_not_fit_its_storage_is_refused()
    {
        Refuse(OneTensor(1, [10], [1]), "reaches past its storage; expected at most 10 elements; found [10] with strides [1] from element 1");
        Refuse(OneTensor(11, [0], [1]), "reaches past its storage");
        Refuse(OneTensor(0, [11], [0]), "reaches past its storage");
        Refuse(OneTensor(0, [2, 2], [long.MaxValue, long.MaxValue]), "reaches past its storage");
        Refuse(OneTensor(long.MaxValue, [2], [1]), "reaches past its storage");
        Refuse(OneTensor(0, [long.MaxValue, 0], [1, 1]), "reaches past its storage");
        Refuse(OneTensor(0, [2], [1, 1]), "an impossible shape");
        Refuse(OneTensor(0, [-1], [1]), "an impossible shape");
        Refuse(OneTensor(0, new long[65], new long[65]), "a shape is no list of whole numbers; expected at most 64");
        Refuse(Pickle(image => image.Storage("0", 9)), "the storage of tensor 'a' is of another size; expected 9 x Float32; found 40 bytes");
        Refuse(Pickle(image => image.Storage("0", -10)), "an impossible size");
        Refuse(Pickle(image => image.Storage("0", 10, view: [5, 6])), "an impossible size");
        Refuse(Pickle(image => image.Storage("0", 10, "ComplexFloatStorage")), "found 'torch.ComplexFloatStorage'");
    }

    [Fact]
    public void A_list_that_is_recalled_again_and_again_is_not_walked_to_its_end()
    {
        // A thousand numbers, then lists of a thousand times the one before: 6 KiB that stand for 10^15 numbers.
        var image = new PickleImage().Op("}").Text("0").Op("]q").Raw(0).Op("(");
        for (var i = 0; i < 1000; i++)
        {
            image.Number(i);
        }

        image.Op("es");
        for (byte level = 1; level < 5; level++)
        {
            image.Text($"{level}").Op("]q").Raw(level).Op("(");
            for (var i = 0; i < 1000; i++)
            {
                image.Op("h").Raw((byte)(level - 1));
            }

            image.Op("es");
        }

        using var folder = new TemporaryFolder();
        var path = folder.Add("optimizer.pt", TorchImage.Zip(image.Stop()));

        var error = Assert.Throws<CheckpointException>(() => TorchFile.OpenNested(path));

        Assert.Contains("the pickle names too many values", Assert.Single(error.Problems).What, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_tensor_at_fault_is_named_up_to_a_limit()
    {
        var image = new PickleImage().Op("}");
        for (var i = 0; i < 30; i++)
        {
            image.Text($"t{i}").Number(i).Op("s");
        }

        using var folder = new TemporaryFolder();
        var path = folder.Add("a.bin", TorchImage.Zip(image.Stop()));
        Assert.Equal(20, Assert.Throws<CheckpointException>(() => TorchFile.Open(path)).Problems.Count);
    }

    [Fact]
    public void A_name_or_a_storage_that_is_given_twice_is_refused()
    {
        var twice = new PickleImage().Op("}");
        var torn = new PickleImage().Op("}");
        foreach (var count in new[] { 10L, 5L })
        {
            twice.Text("a").Tensor(image => image.Storage("0", 10), 0, [count], [1]).Op("s");
            torn.Text($"{count}").Tensor(image => image.Storage("0", count, count == 10 ? "FloatStorage" : "LongStorage"), 0, [1], [1]).Op("s");
        }

        Refuse(TorchImage.Zip(twice.Stop()), "tensor 'a' occurs twice");
        Refuse(TorchImage.Zip(torn.Stop()), "storage '0' is described in two ways");
    }

    [Fact]
    public void An_archive_that_breaks_a_rule_is_refused()
    {
        var pickle = PickleImage.OneTensor(0, [10], [1]);
        var extra = new ZipPart("x/extra", [1, 2]);
        Refuse(TorchImage.Zip(pickle, extra, extra), "member 'x/extra' occurs twice");
        Refuse(TorchImage.Zip(pickle, extra with { Name = "x/../../extra" }), "leads out of the archive; found 'x/../../extra'");
        Refuse(TorchImage.Zip(pickle, extra with { Name = "/extra" }), "leads out of the archive");
        Refuse(TorchImage.Zip(pickle, extra with { Name = "x\\extra" }), "leads out of the archive");
        Refuse(TorchImage.Zip(pickle, extra with { Name = string.Empty }), "leads out of the archive");
        Refuse(TorchImage.Zip(pickle, extra with { Method = 8 }), "member 'x/extra' is compressed or encrypted");
        Refuse(TorchImage.Zip(pickle, extra with { Flags = 1 }), "member 'x/extra' is compressed or encrypted");
        Refuse(TorchImage.Zip(pickle, extra with { PackedMore = 1 }), "member 'x/extra' is compressed or encrypted");
        Refuse(TorchImage.Zip(pickle, extra with { LocalName = "x/other" }), "described otherwise in its own header");
        Refuse(TorchImage.Zip(pickle, new ZipPart("x/data/0", TorchImage.Floats(10)) { Name = "x/data/1", SameAs = 1 }), "overlaps another");
        Refuse(TorchImage.Zip(pickle, new ZipPart("y/data.pkl", pickle)), "one member NAME/data.pkl; found 2");
        Refuse(TorchImage.Archive([extra]), "one member NAME/data.pkl; found 0");
        Refuse(TorchImage.Zip(pickle, new ZipPart("x/byteorder", "big"u8.ToArray())), "the elements are in another byte order; expected little");
        Refuse(TorchImage.Zip([.. pickle, 0]), "bytes follow the pickle");
        Refuse([.. TorchImage.Zip(pickle), 0], "the zip directory is missing");
        Refuse([.. new byte[] { 0x50, 0x4b, 3, 4 }, .. TorchImage.Zip(pickle)], "contradict each other or the file");
    }

    [GoldenFact("golden/models/baichuan2-13b")]
    public void End_records_that_contradict_each_other_are_refused()
    {
        var image = File.ReadAllBytes(Golden.Locate("models/baichuan2-13b/hf/pytorch_model-00002-of-00002.bin"));
        foreach (var fromEnd in new[] { 22 - 10, 22 - 12, 22 - 16, 42 - 8, 98 - 4, 98 - 24, 98 - 32, 98 - 40, 98 - 48 })
        {
            var changed = (byte[])image.Clone();
            changed[^fromEnd] ^= 1;
            Refuse(changed, "contradict each other or the file");
        }
    }

    [Fact]
    public void A_legacy_file_that_breaks_a_rule_is_refused()
    {
        var pickle = PickleImage.OneTensor(0, [10], [1]);
        var (keys, storages) = (TorchImage.Keys("0"), TorchImage.Counted(10));
        Refuse(TorchImage.Legacy(pickle, keys, storages, isLittleEndian: false), "not in little-endian order");
        Refuse(TorchImage.Legacy(pickle, keys, [.. storages, 0]), "bytes follow the last storage; found 1");
        Refuse(TorchImage.Legacy(pickle, keys, storages[..^1]), "storage '0' is of another size");
        Refuse(TorchImage.Legacy(pickle, keys, TorchImage.Counted(9)), "storage '0' is of another size; expected 10 elements; found 9");
        Refuse(TorchImage.Legacy(pickle, TorchImage.Keys("1"), storages), "a storage follows that no tensor uses; found '1'");
        Refuse(TorchImage.Legacy(pickle, TorchImage.Keys("0", "0"), [.. storages, .. storages]), "storage '0' follows twice");
        Refuse(TorchImage.Legacy(pickle, TorchImage.Keys(), []), "storage '0' of tensor 'a' is not in the file");
        Refuse(TorchImage.Legacy(pickle, pickle, storages), "the keys of the storages are no list");
        Refuse(pickle, "not one of torch.save");
    }

    [Fact]
    public void A_file_of_another_kind_says_so()
    {
        Refuse("no weights"u8.ToArray(), "this is no file of torch.save; expected a zip archive or a pickle. Download it again.");
        Refuse("version https://git-lfs.github.com/spec/v1\n"u8.ToArray(), "It is a pointer of Git LFS");
        Refuse([0x80, 1, (byte)'.'], "this is no pickle of protocol 2 to 5");
    }

    private static byte[] OneTensor(long start, long[] shape, long[] strides) =>
        TorchImage.Zip(PickleImage.OneTensor(start, shape, strides));

    private static byte[] Pickle(Action<PickleImage> storage) =>
        TorchImage.Zip(new PickleImage().Op("}").Text("a").Tensor(storage, 0, [1], [1]).Op("s").Stop());

    private static void Refuse(byte[] image, string reason)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Add("refused.bin", image);
        var error = Assert.Throws<CheckpointException>(() => TorchFile.Open(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
