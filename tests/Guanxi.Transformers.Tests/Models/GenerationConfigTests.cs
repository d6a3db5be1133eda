using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

public sealed class GenerationConfigTests
{
    [Theory]
    [InlineData("""{"eos_token_id": 2, "user_token_id": 195, "assistant_token_id": 196, "temperature": 0.3}""", new[] { 2 }, 195, 196)]
    [InlineData("""{"eos_token_id": [2, 7]}""", new[] { 2, 7 }, null, null)]
    [InlineData("""{"eos_token_id": null, "user_token_id": null}""", new int[0], null, null)]
    [InlineData("{}", new int[0], null, null)]
    public void Ids_of_a_text_and_of_its_speakers_are_read(string json, int[] eosIds, int? userId, int? assistantId)
    {
        using var folder = new TemporaryFolder();
        folder.Add(GenerationConfig.FileName, json);
        var config = GenerationConfig.Read(folder.FullPath, 1000);

        Assert.Equal(eosIds, config.EosIds);
        Assert.Equal((userId, assistantId), (config.UserId, config.AssistantId));
    }

    [Fact]
    public void A_folder_without_the_file_says_nothing_and_wrong_ids_are_named_at_once()
    {
        using var folder = new TemporaryFolder();
        Assert.Empty(GenerationConfig.Read(folder.FullPath, 1000).EosIds);

        folder.Add(GenerationConfig.FileName, """{"eos_token_id": "x", "user_token_id": 1000, "assistant_token_id": 1.5}""");
        var error = Assert.Throws<CheckpointException>(() => GenerationConfig.Read(folder.FullPath, 1000));

        Assert.Equal(3, error.Problems.Count);
        Assert.All(error.Problems, problem => Assert.StartsWith(folder[GenerationConfig.FileName], problem.Where, StringComparison.Ordinal));
    }
}
