// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAnchorRegistry} from "./interfaces/IAnchorRegistry.sol";
import {IDepartmentRegistry, Role} from "./interfaces/IDepartmentRegistry.sol";
import {RegistryClient} from "./lib/RegistryClient.sol";

/// @dev One slot.
struct Anchor {
    uint64 time;
    uint64 blockNumber;
    uint32 size;
}

/// @title AnchorRegistry
/// @notice What was issued. Keyed by department, so that nobody can occupy another's root.
contract AnchorRegistry is IAnchorRegistry, RegistryClient {
    /// @notice Leaves of the largest tree.
    uint32 public constant MAX_SIZE = 2 ** 20;
    /// @notice Roots that one call may anchor.
    uint256 public constant MAX_ROOTS = 1_024;

    mapping(bytes20 department => mapping(bytes32 root => Anchor)) private _anchors;

    constructor(IDepartmentRegistry departments_) RegistryClient(departments_) {}

    /// @inheritdoc IAnchorRegistry
    function anchor(bytes20 department, bytes32 root, uint32 size) external whenOpen {
        DEPARTMENTS.requireAuthorised(department, Role.Anchor, msg.sender);
        _anchor(department, root, size);
    }

    /// @inheritdoc IAnchorRegistry
    function anchorMany(bytes20 department, bytes32[] calldata roots, uint32[] calldata sizes)
        external
        whenOpen
    {
        DEPARTMENTS.requireAuthorised(department, Role.Anchor, msg.sender);
        if (roots.length != sizes.length) revert LengthsDiffer(roots.length, sizes.length);
        if (roots.length == 0) revert NoRoots();
        if (roots.length > MAX_ROOTS) revert TooManyRoots(roots.length, MAX_ROOTS);
        for (uint256 i = 0; i < roots.length; ++i) {
            _anchor(department, roots[i], sizes[i]);
        }
    }

    /// @inheritdoc IAnchorRegistry
    function anchorOf(bytes20 department, bytes32 root)
        external
        view
        returns (uint64 time, uint64 blockNumber, uint32 size)
    {
        Anchor memory found = _anchors[department][root];
        return (found.time, found.blockNumber, found.size);
    }

    /// @inheritdoc IAnchorRegistry
    function departments() external view returns (IDepartmentRegistry) {
        return DEPARTMENTS;
    }

    function _anchor(bytes20 department, bytes32 root, uint32 size) private {
        if (root == 0) revert ZeroRoot();
        if (size == 0) revert ZeroSize();
        if (size > MAX_SIZE) revert SizeTooLarge(size, MAX_SIZE);
        Anchor storage slot = _anchors[department][root];
        // The size is never 0, so it also tells whether the slot is taken.
        if (slot.size != 0) revert AlreadyAnchored(department, root);
        uint64 time = SafeCast.toUint64(block.timestamp);
        _anchors[department][root] = Anchor(time, SafeCast.toUint64(block.number), size);
        _log(Anchored.selector, department, root, abi.encode(size, time));
    }
}
