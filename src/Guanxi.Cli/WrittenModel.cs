using Guanxi.Relations.Formats;

namespace Guanxi.Cli;

/// <summary>What a verb says of a model that it wrote.</summary>
internal static class WrittenModel
{
    /// <summary>Tells place, form and size.</summary>
    public static void Tell(string path, string form, JsonOutput output)
    {
        var bytes = File.Exists(path)
            ? new FileInfo(path).Length
            : new DirectoryInfo(path).EnumerateFiles().Sum(file => file.Length);
        if (!output.IsToStandardOutput)
        {
            Console.Out.WriteLine($"{path}: {form}, {Bytes.Show(bytes)}");
        }

        output.Write(new JsonLineWriter().StartObject()
            .Name("save_path").Value(path)
            .Name("type").Value(form)
            .Name("bytes").Value(bytes)
            .EndObject().ToString());
    }
}
