// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice A span of blocks: `from` belongs to it, `until` does not; `until` is 0 while it lasts.
struct Interval {
    uint64 from;
    uint64 until;
}

/// @notice An append-only list of intervals. The newest one shares a slot with the count, so that
/// "is it in force now" costs one storage read; older ones are kept under their index for good, so
/// that a storage proof at any later block still shows them.
struct History {
    /// Intervals opened so far, the newest included.
    uint64 count;
    /// First block of the newest interval.
    uint64 from;
    /// First block after the newest interval; 0 while it lasts.
    uint64 until;
    /// Older intervals by index, `from` in the low 64 bits, `until` in the next 64.
    mapping(uint256 index => uint256 packed) past;
}

using Histories for History global;

/// @title Histories
/// @notice Interval histories whose blocks are stamped here and never given by a caller.
/// @dev In force at block b iff `from <= b` and (`until == 0` or `b < until`). A closing therefore
/// wins over everything else in its block, and a right may not be opened again in that block.
library Histories {
    /// @notice The interval has been open since block `since`.
    error AlreadyInForce(uint64 since);
    /// @notice No interval is open.
    error NotInForce();
    /// @notice It was closed in this very block; the closing stands until the next block.
    error ClosedInThisBlock(uint64 blockNumber);

    /// @notice Opens an interval of a right at this block.
    /// @dev Requires that none is open and that none was closed in this block.
    function open(History storage self) internal {
        uint64 count = self.count;
        uint64 now_ = _blockNumber();
        if (count != 0) {
            uint64 until = self.until;
            if (until == 0) revert AlreadyInForce(self.from);
            if (until == now_) revert ClosedInThisBlock(now_);
            self.past[count - 1] = uint256(self.from) | (uint256(until) << 64);
        }
        self.count = count + 1;
        self.from = now_;
        self.until = 0;
    }

    /// @notice Opens an interval of a restriction at this block.
    /// @dev A restriction must never have to wait: where one was closed in this block, the two
    /// adjoin, and the closed one goes on. Requires that none is open.
    function impose(History storage self) internal {
        if (self.count != 0 && self.until == _blockNumber()) {
            self.until = 0;
        } else {
            open(self);
        }
    }

    /// @notice Closes the open interval at this block, which no longer belongs to it.
    function close(History storage self) internal {
        if (!inForce(self)) revert NotInForce();
        self.until = _blockNumber();
    }

    /// @notice Whether an interval is open now.
    /// @dev Blocks are stamped here, so an open interval has begun and a closed one is over.
    function inForce(History storage self) internal view returns (bool) {
        return self.from != 0 && self.until == 0;
    }

    /// @notice All intervals, oldest first.
    function intervals(History storage self) internal view returns (Interval[] memory list) {
        uint256 count = self.count;
        list = new Interval[](count);
        if (count == 0) return list;
        for (uint256 i = 0; i < count - 1; ++i) {
            uint256 packed = self.past[i];
            list[i] = Interval(uint64(packed), uint64(packed >> 64));
        }
        list[count - 1] = Interval(self.from, self.until);
    }

    function _blockNumber() private view returns (uint64) {
        return SafeCast.toUint64(block.number);
    }
}
