// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAnchorRegistry} from "./interfaces/IAnchorRegistry.sol";
import {IDepartmentRegistry, Role} from "./interfaces/IDepartmentRegistry.sol";
import {RegistryClient} from "./lib/RegistryClient.sol";

/// @title AnchorRegistry
/// @notice What was issued. Keyed by department, so that nobody can occupy another's root.
contract AnchorRegistry is IAnchorRegistry, RegistryClient {
    /// @notice Leaves of the largest tree.
    uint32 public constant MAX_SIZE = 2 ** 20;
    /// @notice Roots that one call may anchor.
    uint256 public constant MAX_ROOTS = 1_024;

    uint256 private constant BLOCK_SHIFT = 64;
    uint256 private constant SIZE_SHIFT = 128;

    /// @dev Packed: time in the low 64 bits, block in the next 64, size in the next 32.
    mapping(bytes20 department => mapping(bytes32 root => uint256 packed)) private _anchors;

    constructor(IDepartmentRegistry departments_) RegistryClient(departments_) {}

    /// @inheritdoc IAnchorRegistry
    function anchor(bytes20 department, bytes32 root, uint32 size) external {
        DEPARTMENTS.requireAuthorised(department, Role.Anchor, msg.sender);
        _anchor(_anchors[department], department, root, size, _stamp());
    }

    /// @inheritdoc IAnchorRegistry
    function anchorMany(bytes20 department, bytes32[] calldata roots, uint32[] calldata sizes)
        external
    {
        DEPARTMENTS.requireAuthorised(department, Role.Anchor, msg.sender);
        if (roots.length != sizes.length) revert LengthsDiffer(roots.length, sizes.length);
        if (roots.length == 0) revert NoRoots();
        if (roots.length > MAX_ROOTS) revert TooManyRoots(roots.length, MAX_ROOTS);
        mapping(bytes32 root => uint256 packed) storage anchors = _anchors[department];
        uint256 stamp = _stamp();
        for (uint256 i = 0; i < roots.length; ++i) {
            _anchor(anchors, department, roots[i], sizes[i], stamp);
        }
    }

    /// @inheritdoc IAnchorRegistry
    function anchorOf(bytes20 department, bytes32 root)
        external
        view
        returns (uint64 time, uint64 blockNumber, uint32 size)
    {
        uint256 packed = _anchors[department][root];
        return (uint64(packed), uint64(packed >> BLOCK_SHIFT), uint32(packed >> SIZE_SHIFT));
    }

    /// @inheritdoc IAnchorRegistry
    function departments() external view returns (IDepartmentRegistry) {
        return DEPARTMENTS;
    }

    function _anchor(
        mapping(bytes32 root => uint256 packed) storage anchors,
        bytes20 department,
        bytes32 root,
        uint32 size,
        uint256 stamp
    ) private {
        if (root == 0) revert ZeroRoot();
        if (size == 0) revert ZeroSize();
        if (size > MAX_SIZE) revert SizeTooLarge(size, MAX_SIZE);
        if (anchors[root] != 0) revert AlreadyAnchored(department, root);
        anchors[root] = stamp | (uint256(size) << SIZE_SHIFT);
        _log(Anchored.selector, department, root, abi.encode(size, uint64(stamp)));
    }

    /// @dev This block's time and number, packed as in an anchor.
    function _stamp() private view returns (uint256) {
        uint256 number = SafeCast.toUint64(block.number);
        return SafeCast.toUint64(block.timestamp) | (number << BLOCK_SHIFT);
    }
}
