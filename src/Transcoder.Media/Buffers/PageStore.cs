using System.Numerics;
using System.Runtime.InteropServices;

namespace Transcoder.Media.Buffers;

/// <summary>
/// Blocks of any number of pages, cut from regions where there is room first. What streams keep changes its sizes with the scene: in classes, each size's idle blocks would
/// wait for their scene to come back, and the sum of all scenes would stay resident. Here neighbours that are free are one piece again. Thread safe.
/// </summary>
internal sealed class PageStore
{
    public const int PageSize = 1 << 10;
    public const int LargestBlock = RegionSize / 4;

    /// <summary>What still takes room that is there. A region begun for such blocks would stay a seventh empty.</summary>
    public const int LargestGuest = RegionSize / 2;

    private const int RegionSize = 1 << 20;

    // Regions with nothing in them that are kept: what many streams give back at their keyframes is needed again within the second.
    private const int Spare = 2;

    private readonly Lock _gate = new();
    private readonly List<Region> _regions = [];
    private int _spare;
    private long _pagesUsed;

    /// <summary>What lies in regions and is nobody's.</summary>
    public long IdleBytes
    {
        get
        {
            lock (_gate)
            {
                return ((long)_regions.Count * RegionSize) - (_pagesUsed * PageSize);
            }
        }
    }

    /// <returns>No region where there is no room for a guest.</returns>
    public (Region? Region, Memory<byte> Bytes) Take(int size)
    {
        var pages = (size + PageSize - 1) / PageSize;
        lock (_gate)
        {
            foreach (var region in _regions)
            {
                if (region.TryTake(pages, out var bytes))
                {
                    _spare -= region.Used == pages ? 1 : 0;
                    _pagesUsed += pages;
                    return (region, bytes);
                }
            }

            if (size > LargestBlock)
            {
                return default;
            }

            var added = new Region();
            _regions.Add(added);
            added.TryTake(pages, out var first);
            _pagesUsed += pages;
            return (added, first);
        }
    }

    public void Return(Region region, ReadOnlyMemory<byte> bytes)
    {
        lock (_gate)
        {
            _pagesUsed -= bytes.Length / PageSize;
            region.Return(bytes);
            if (region.Used > 0)
            {
                return;
            }

            if (_spare == Spare)
            {
                _regions.Remove(region);
            }
            else
            {
                _spare++;
            }
        }
    }

    /// <summary>One pinned array and a bit for each of its pages. Under the store's lock.</summary>
    internal sealed class Region
    {
        private const int Pages = RegionSize / PageSize;
        private const int Word = 64;

        private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(RegionSize, pinned: true);
        private readonly ulong[] _used = new ulong[Pages / Word];

        // No run of free pages is longer. Learned from searches that found none, so that a full region is not searched again for each block.
        private int _longest = Pages;

        public int Used { get; private set; }

        public bool TryTake(int pages, out Memory<byte> bytes)
        {
            bytes = default;
            if (pages > _longest)
            {
                return false;
            }

            for (var start = Next(0, used: false); start + pages <= Pages;)
            {
                var end = Next(start, used: true);
                if (end - start >= pages)
                {
                    Mark(start, pages, used: true);
                    bytes = _bytes.AsMemory(start * PageSize, pages * PageSize);
                    return true;
                }

                start = Next(end, used: false);
            }

            _longest = pages - 1;
            return false;
        }

        public void Return(ReadOnlyMemory<byte> bytes)
        {
            MemoryMarshal.TryGetArray(bytes, out var segment);
            Mark(segment.Offset / PageSize, segment.Count / PageSize, used: false);
            _longest = Pages;
        }

        /// <returns>The first page from <paramref name="page"/> on that is or is not used; the number of pages where there is none.</returns>
        private int Next(int page, bool used)
        {
            while (page < Pages)
            {
                var word = (used ? _used[page / Word] : ~_used[page / Word]) >> (page % Word);
                if (word != 0)
                {
                    return page + BitOperations.TrailingZeroCount(word);
                }

                page += Word - (page % Word);
            }

            return Pages;
        }

        private void Mark(int start, int pages, bool used)
        {
            for (var page = start; page < start + pages; page++)
            {
                _used[page / Word] ^= 1UL << (page % Word);
            }

            Used += used ? pages : -pages;
        }
    }
}
