using System.Reflection;
using System.Runtime.InteropServices;
using Guanxi.Torch.Kernels;

namespace Guanxi.Torch;

/// <summary>Finds and loads <c>libguanxi_torch.so</c>.</summary>
internal static partial class NativeLoader
{
    internal const string LibraryName = "guanxi_torch";

    private const string FileName = "libguanxi_torch.so";
    private const string OverrideVariable = "GUANXI_NATIVE";
    private const int ExpectedAbi = 5;

    private static readonly Lock s_loading = new();
    private static int s_registered;
    private static nint s_library;

    /// <summary>Installs the resolver once; the library itself is loaded by the first call into it.</summary>
    internal static void Register()
    {
        if (Interlocked.Exchange(ref s_registered, 1) == 0)
        {
            NativeLibrary.SetDllImportResolver(typeof(NativeLoader).Assembly, Resolve);
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != LibraryName)
        {
            return 0;
        }

        // The runtime asks for every function that is called for the first time; what is set up here is set up once.
        lock (s_loading)
        {
            return s_library != 0 ? s_library : s_library = Load();
        }
    }

    private static nint Load()
    {
        ApplyStartUpDefaults();
        var tried = new List<string>();
        foreach (var path in Candidates())
        {
            if (!File.Exists(path))
            {
                tried.Add($"{path}: no such file");
                continue;
            }

            if (NativeLibrary.TryLoad(path, out var library))
            {
                CheckAbi(library, path);
                SetThreads(library);
                return library;
            }

            tried.Add($"{path}: {LoadError(path)}");
        }

        throw new TorchException(
            "libguanxi_torch.so could not be loaded. Tried:\n  " + string.Join("\n  ", tried)
            + "\nBuild it with './guanxi selfcheck' or 'make native' in the repository, install libtorch (Debian: libtorch-dev), or let "
            + OverrideVariable + " name the file.");
    }

    private static IEnumerable<string> Candidates()
    {
        var named = Environment.GetEnvironmentVariable(OverrideVariable);
        if (!string.IsNullOrEmpty(named))
        {
            yield return named;
            yield break;
        }

        yield return Path.Combine(AppContext.BaseDirectory, FileName);

        // Where a package's library is put. Distributions' own builds of .NET call themselves otherwise than the folder.
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", FileName);
        for (var folder = Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/')); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            var built = Path.Combine(folder, "build", "native", FileName);
            if (File.Exists(built))
            {
                yield return built;
            }
        }
    }

    private static string LoadError(string path)
    {
        try
        {
            NativeLibrary.Load(path);
            return "loaded at the second try";
        }
        catch (DllNotFoundException error)
        {
            // The text names the dependency that the dynamic linker misses: the one thing a user needs to know.
            return error.Message;
        }
    }

    private static unsafe void CheckAbi(nint library, string path)
    {
        var version = 0;
        if (NativeLibrary.TryGetExport(library, "gx_abi_version", out var function))
        {
            ((delegate* unmanaged[Cdecl]<int*, int>)function)(&version);
        }

        if (version != ExpectedAbi)
        {
            throw new TorchException($"{path} speaks version {version} of the interface, this program version {ExpectedAbi}: build it again");
        }
    }

    /// <summary>One number for libtorch, for OpenBLAS below it and for the kernels here: <c>OMP_NUM_THREADS</c> where it is given, else all processors.</summary>
    /// <remarks>Left alone, libtorch counts cores by a list that some virtual machines fill wrongly, and then computes on one of two.</remarks>
    private static unsafe void SetThreads(nint library)
    {
        if (Environment.GetEnvironmentVariable("OMP_NUM_THREADS") is null
            && NativeLibrary.TryGetExport(library, "gx_threads_set", out var set))
        {
            _ = ((delegate* unmanaged[Cdecl]<int, int>)set)(Environment.ProcessorCount);
        }

        var count = 0;
        if (NativeLibrary.TryGetExport(library, "gx_threads_get", out var get)
            && ((delegate* unmanaged[Cdecl]<int*, int>)get)(&count) == 0 && count > 0)
        {
            KernelThreads.Count = count;
        }
    }

    /// <summary>
    /// What the launcher would have set, as far as it still can be set: libtorch and glibc read these when they are loaded,
    /// and .NET's own environment does not reach libc. See docs/environment.md for what each is worth.
    /// </summary>
    private static void ApplyStartUpDefaults()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        const int KeepExisting = 0;
        const int TrimThreshold = -1;
        const int MmapMax = -4;
        if (System.Runtime.Intrinsics.X86.Avx512F.IsSupported)
        {
            _ = LibcSetEnvironment("ATEN_CPU_CAPABILITY", "avx512", KeepExisting);
            if (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
            {
                _ = LibcSetEnvironment("GOMP_SPINCOUNT", "2000", KeepExisting);
            }
        }
        else
        {
            _ = LibcSetEnvironment("OMP_WAIT_POLICY", "PASSIVE", KeepExisting);
        }

        // Without these, glibc gives every large tensor back to the kernel and faults it in again at the next step.
        if (Environment.GetEnvironmentVariable("MALLOC_MMAP_MAX_") is null)
        {
            _ = LibcMallocOption(MmapMax, 0);
            _ = LibcMallocOption(TrimThreshold, int.MaxValue);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LibcSetEnvironment(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int LibcMallocOption(int parameter, int value);
}
