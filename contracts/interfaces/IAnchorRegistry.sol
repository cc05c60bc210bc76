// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {IDepartmentRegistry} from "./IDepartmentRegistry.sol";

/// @title IAnchorRegistry
/// @notice What was issued: roots of the trees whose leaves are the digests of documents.
interface IAnchorRegistry {
    event Anchored(bytes20 indexed department, bytes32 indexed root, uint32 size, uint64 time);

    error ZeroRoot();
    error ZeroSize();
    error SizeTooLarge(uint32 size, uint32 max);
    error AlreadyAnchored(bytes20 department, bytes32 root);
    error NoRoots();
    error TooManyRoots(uint256 count, uint256 max);
    error LengthsDiffer(uint256 roots, uint256 sizes);

    /// @notice Anchors a root for good. Requires the department's Anchor role. Emits {Anchored}.
    /// @param size the number of leaves of the tree.
    function anchor(bytes20 department, bytes32 root, uint32 size) external;

    /// @notice Anchors many roots, all or none. Emits {Anchored} for each.
    function anchorMany(bytes20 department, bytes32[] calldata roots, uint32[] calldata sizes)
        external;

    /// @notice When a department anchored a root; all zero if it did not.
    function anchorOf(bytes20 department, bytes32 root)
        external
        view
        returns (uint64 time, uint64 blockNumber, uint32 size);

    /// @notice The registry that says who may anchor.
    function departments() external view returns (IDepartmentRegistry);
}
