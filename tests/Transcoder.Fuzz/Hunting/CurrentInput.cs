using System.IO.MemoryMappedFiles;

namespace Transcoder.Fuzz.Hunting;

/// <summary>The input that runs now, in a file that outlives a process without stack or memory: its length in four bytes, then its bytes.</summary>
internal sealed class CurrentInput : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    public CurrentInput(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Create, null, sizeof(int) + Mutator.Longest);
        _view = _file.CreateViewAccessor();
    }

    public static byte[] Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        return bytes[sizeof(int)..(sizeof(int) + BitConverter.ToInt32(bytes))];
    }

    public void Write(ReadOnlySpan<byte> input)
    {
        _view.Write(0, input.Length);
        _view.SafeMemoryMappedViewHandle.WriteSpan(sizeof(int), input);
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
