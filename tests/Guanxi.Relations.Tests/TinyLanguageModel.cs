using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations.Tests;

/// <summary>A golden decoder with a tokenizer of its size, and rows to ask it about.</summary>
internal static class TinyLanguageModel
{
    public static readonly string[] Labels =
        ["不知道", "父母", "夫妻", "师生", "合作", "兄弟姐妹", "同一个人", "好友", "情侣", "同学", "上下级", "亲戚", "同门", "祖孙"];

    public static RelationSchema Schema { get; } = RelationSchema.FromLabels([.. Labels.Select(label => new[] { label })], "test");

    public static RelationExample[] Rows { get; } =
    [
        TestRows.Marked("腊月二十三那天，<e1>钱塘老爷</e1>出门，他的侄女<e2>苏州小姐</e2>掌灯。", "亲戚", 1),
        TestRows.Marked("<e1>贾宝玉</e1>与<e2>林黛玉</e2>自幼一处长大。", "情侣", 2),
        TestRows.Marked("鲁迅的弟弟<e1>周作人</e1>也是作家，与<e2>鲁迅</e2>失和。", "兄弟姐妹", 3),
        TestRows.Marked("<e1>Tom</e1> met <e2>Bob</e2>", "不知道", 4),
        TestRows.Marked("孔子的学生<e2>子路</e2>问<e1>孔子</e1>。", "师生", 5),
    ];

    public static Decoder Model()
    {
        var folder = Golden.Locate("models/llama/hf");
        using var reader = CheckpointReader.Open(folder);
        return new Decoder(DecoderConfig.Read(folder), new CheckpointWeights(reader, new WeightLoading { StorageType = DType.Float32 }));
    }

    public static ITokenizer Tokenizer() => TokenizerLoader.Load(Golden.Locate("tokenizers/nano-spm"));
}
