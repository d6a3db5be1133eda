using System.Collections.Concurrent;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Hubs;

/// <summary>Downloads a repository into a folder: whole files under their names, checked against the hub's hashes.</summary>
public sealed class HubDownload
{
    private const int FilesAtOnce = 4;

    private readonly HubDownloadOptions _options;
    private readonly HubVariables _variables;
    private readonly IDownloadProgress _progress;
    private readonly RetryPolicy _retry;
    private readonly string _root;

    /// <summary>Makes a download.</summary>
    /// <param name="options">What, and where to.</param>
    /// <param name="variables">Endpoints and tokens.</param>
    /// <param name="time">The clock that waits between attempts.</param>
    /// <param name="progress">Shows it.</param>
    public HubDownload(HubDownloadOptions options, HubVariables variables, TimeProvider time, IDownloadProgress progress)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(variables);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(progress);
        (_options, _variables, _progress) = (options, variables, progress);
        _retry = new RetryPolicy(time, progress.Note);
        _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(options.Folder));
    }

    /// <summary>The network.</summary>
    internal Func<HttpMessageHandler> Network { get; init; } = HubClient.Network;

    /// <summary>The file system.</summary>
    internal IFileSystem Files { get; init; } = RealFileSystem.Instance;

    /// <summary>Free bytes where a folder is.</summary>
    internal Func<string, long> FreeBytes { get; init; } = folder => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>Downloads what is not there yet.</summary>
    /// <param name="stop">Stops it; what has come stays, and the next call goes on from it.</param>
    /// <returns>What is in the folder now.</returns>
    /// <exception cref="OptionsException">The hub has no such repository, revision or files, or does not show them.</exception>
    /// <exception cref="CheckpointException">
    /// The hub does not answer, lists names that are not safe, or sends something else than it lists; or the files cannot be written.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public async Task<HubDownloadResult> RunAsync(CancellationToken stop)
    {
        var source = HubSource.Of(_options, _variables);
        using var client = new HubClient(source, _options.Repository, _retry, Network());
        var revision = _options.Revision ?? source.DefaultRevision;
        var listing = await source.ListAsync(client, _options.Repository, revision, stop).ConfigureAwait(false);
        var plan = DownloadPlan.Of(listing, _options.Include, _root);
        Prepare(plan);
        var missing = plan.Where(item => !IsThere(item, stop)).ToList();
        RequireSpace(missing);
        await BringAsync(missing, client, stop).ConfigureAwait(false);
        var brought = missing.ToHashSet();
        return new HubDownloadResult(source.Name, source.Endpoint, revision, listing.Commit, [.. plan.Select(item =>
            new DownloadedFile(item.File.Name, item.File.Bytes, !brought.Contains(item), item.File.Hash is not null))]);
    }

    private static bool IsThere(PlannedFile item, CancellationToken stop)
    {
        try
        {
            // A link of the user's own that leads to the content is as good as the content.
            using var stream = new FileInfo(item.Target).Exists ? File.OpenRead(item.Target) : null;
            if (stream is null || stream.Length != item.File.Bytes)
            {
                return false;
            }

            if (item.File.Hash is null)
            {
                return true;
            }

            using var hash = item.File.Hash.Begin(item.File.Bytes);
            var buffer = new byte[1 << 20];
            while (stream.Read(buffer) is > 0 and var read)
            {
                stop.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
            }

            return item.File.Hash.Is(hash);
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.Wrap(item.Target, "the file that is there cannot be read", error);
        }
    }

    /// <summary>Makes the folders, and removes parts of contents that the hub no longer has.</summary>
    private void Prepare(IReadOnlyList<PlannedFile> plan) => FileErrors.WrappedWriting(_root, "the folder cannot be written", () =>
    {
        foreach (var folder in plan.Select(item => Path.GetDirectoryName(item.Target)!).Distinct())
        {
            Files.CreateFolder(folder);
        }

        foreach (var item in plan)
        {
            PartialFile.DeleteOutdated(Files, item.Target, item.File);
        }
    });

    private void RequireSpace(List<PlannedFile> missing)
    {
        var bytes = missing.Sum(item => item.File.Bytes - PartialFile.LengthOf(item.Target, item.File));
        var free = FreeBytes(_root);
        if (bytes > free)
        {
            throw new CheckpointException(new Problem(
                _root, "the disk has too little room", $"{bytes} bytes", $"{free} bytes",
                "Choose another folder, or fewer files."));
        }

        _progress.Begin(missing.Count, bytes);
    }

    private async Task BringAsync(List<PlannedFile> missing, HubClient client, CancellationToken stop)
    {
        var download = new FileDownload(client, _retry, Files, _progress);
        var problems = new ConcurrentQueue<Problem>();
        await Parallel.ForEachAsync(
            missing,
            new ParallelOptions { MaxDegreeOfParallelism = FilesAtOnce, CancellationToken = stop },
            async (item, either) =>
            {
                // A content that is spoilt at the hub keeps no other file from coming; anything else ends the call.
                if (await download.RunAsync(item.File, _root, item.Target, either).ConfigureAwait(false) is { } problem)
                {
                    problems.Enqueue(problem);
                }
                else
                {
                    _progress.Finished(item.File.Name, item.File.Bytes);
                }
            }).ConfigureAwait(false);
        if (!problems.IsEmpty)
        {
            throw new CheckpointException([.. problems]);
        }
    }
}
