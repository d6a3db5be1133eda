using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

/// <summary>Dynamic scaling of rotary positions, against plain rotation with the theta that its formula gives.</summary>
public sealed class DynamicRopeTests
{
    private const double Factor = 2;
    private const double Tolerance = 1e-5;

    private static readonly DecoderConfig s_dynamic = TinyModel.Config(2) with
    {
        MaxPositions = 16, RopeScaling = new RopeScaling("dynamic", Factor, 0, 0, 0),
    };

    [Theory]
    [InlineData(9)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(40)]
    public void A_row_is_read_as_with_the_theta_of_its_length(int length)
    {
        using var leaks = new LeakCheck();
        var growth = Math.Max(1, (Factor * length / 16) - (Factor - 1));
        var theta = s_dynamic.RopeTheta * Math.Pow(growth, s_dynamic.HeadDim / (s_dynamic.HeadDim - 2.0));
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var model = TinyModel.Make(s_dynamic, DType.Float32);
        using var plain = TinyModel.Make(s_dynamic with { RopeScaling = null, RopeTheta = theta, MaxPositions = 64 }, DType.Float32);

        Close.Assert(Hidden(plain, length), Hidden(model, length), Tolerance, $"{length} tokens");
    }

    [Fact]
    public void A_short_row_after_a_long_one_is_read_as_before()
    {
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var model = TinyModel.Make(s_dynamic, DType.Float32);

        var before = Hidden(model, 9).ToArray<float>();
        var between = Hidden(model, 50).ToArray<float>();
        var after = Hidden(model, 9).ToArray<float>();

        Assert.Equal(before, after);
        Assert.NotEqual(before, between[..before.Length]);
    }

    [Fact]
    public void A_continuation_goes_on_beyond_the_positions()
    {
        using var model = TinyModel.Make(s_dynamic, DType.Float32);

        var result = new Generator(model, ForwardContext.Evaluate32).Generate([1, 2, 3], new GenerationOptions { MaxNewTokens = 30 }, null, CancellationToken.None);

        Assert.Equal((30, GenerationEnd.MaxNewTokens), (result.Ids.Count, result.End));
    }

    private static Tensor Hidden(Decoder model, int length) =>
        model.Forward(TokenBatch.Of([[.. Enumerable.Range(0, length).Select(at => (at * 7 % 48) + 1)]]), ForwardContext.Evaluate32);
}
