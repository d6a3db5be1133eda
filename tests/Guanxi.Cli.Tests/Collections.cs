using Guanxi.Cli.Tests;
using Guanxi.Cli.Tests.Commands;
using Guanxi.Cli.Tests.Pages;
using Guanxi.Cli.Tests.Server;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

[assembly: CollectionBehavior("Guanxi.Cli.Tests." + nameof(TwoCollections), "Guanxi.Cli.Tests")]

namespace Guanxi.Cli.Tests;

/// <summary>
/// Test classes that only start programs and look at what these leave, as <c>[Collection(Programs.Name)]</c> says.
/// They wait most of the time, and so run beside the other collection.
/// </summary>
[CollectionDefinition(Name)]
public sealed class Programs : ICollectionFixture<TrainedModelFixture>, ICollectionFixture<TrainedMethodsFixture>
{
    public const string Name = "programs";
}

/// <summary>
/// All other test classes, one after the other: they share what there is once in this process, the console, the live-tensor counters
/// and the browser.
/// </summary>
[CollectionDefinition(Name)]
public sealed class SharedProcess : ICollectionFixture<TrainedModelFixture>, ICollectionFixture<TrainedMethodsFixture>, ICollectionFixture<PageFixture>
{
    public const string Name = "shared process";

    /// <summary>What a class of the collection looks like.</summary>
    [Collection(Name)]
    internal abstract class Example;
}

/// <summary>Puts a class that names no collection into <see cref="SharedProcess"/>, where it disturbs nobody.</summary>
public sealed class TwoCollections(ITestAssembly assembly, IMessageSink messages) : IXunitTestCollectionFactory
{
    private readonly CollectionPerAssemblyTestCollectionFactory _named = new(assembly, messages);
    private readonly ITypeInfo _shared = Reflector.Wrap(typeof(SharedProcess.Example));

    public string DisplayName => "programs beside what shares this process";

    public ITestCollection Get(ITypeInfo testClass) =>
        _named.Get(testClass.GetCustomAttributes(typeof(CollectionAttribute)).Any() ? testClass : _shared);
}
