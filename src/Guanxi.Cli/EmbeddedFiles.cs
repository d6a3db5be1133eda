using Guanxi.Transformers;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli;

/// <summary>Files that come with the program: the embedded base and the sample.</summary>
internal static class EmbeddedFiles
{
    /// <summary>The embedded base.</summary>
    public static readonly string Base = Path.Combine("assets", "base-zh");

    /// <summary>Rows of the sample to train on.</summary>
    public static readonly string TrainingRows = Path.Combine("examples", "people", "train.tsv");

    /// <summary>Rows of the sample to evaluate on.</summary>
    public static readonly string TestRows = Path.Combine("examples", "people", "test.tsv");

    /// <summary>The folder that the paths begin in: the checkout, or wherever the program was unpacked.</summary>
    /// <exception cref="CheckpointException">The files are not beside the program.</exception>
    public static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, Base, DecoderConfig.FileName)))
            {
                return folder;
            }
        }

        throw new CheckpointException(new Problem(
            Base, "the embedded base is not beside the program", "a checkout of the repository, or an unpacked release", AppContext.BaseDirectory));
    }
}
