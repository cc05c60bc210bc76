// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDepartmentRegistry, Role} from "./interfaces/IDepartmentRegistry.sol";
import {IStatusRegistry} from "./interfaces/IStatusRegistry.sol";
import {RegistryClient} from "./lib/RegistryClient.sol";

/// @title StatusRegistry
/// @notice What was withdrawn. Reasons stay off chain.
contract StatusRegistry is IStatusRegistry, RegistryClient {
    /// @notice Entries of a list.
    uint32 public constant MAX_ENTRIES = 2 ** 20;
    /// @notice Entries that one call may set.
    uint256 public constant MAX_INDICES = 4_096;

    uint32 private constant ENTRIES_PER_WORD = 128;
    uint8 private constant REVOKED = 1;
    uint8 private constant SUSPENDED = 2;

    mapping(bytes20 department => mapping(uint32 list => mapping(uint32 index => uint256 word)))
        private _words;
    mapping(bytes20 department => mapping(bytes32 digest => uint64 blockNumber)) private _digests;
    mapping(bytes20 department => mapping(bytes32 root => uint64 blockNumber)) private _roots;

    constructor(IDepartmentRegistry departments_) RegistryClient(departments_) {}

    /// @inheritdoc IStatusRegistry
    function setStatus(
        bytes20 actor,
        bytes20 department,
        uint32 list,
        uint32[] calldata indices,
        uint8 status
    ) external {
        _authorise(actor, department);
        if (status > SUSPENDED) revert UnknownStatus(status);
        if (indices.length == 0) revert NoIndices();
        if (indices.length > MAX_INDICES) revert TooManyIndices(indices.length, MAX_INDICES);
        for (uint256 i = 0; i < indices.length; ++i) {
            _set(department, list, indices[i], status);
        }
        bytes32 listTopic = bytes32(uint256(list));
        _log(StatusChanged.selector, department, listTopic, abi.encode(indices, status, actor));
    }

    /// @inheritdoc IStatusRegistry
    function revokeDigest(bytes20 actor, bytes20 department, bytes32 digest) external {
        _authorise(actor, department);
        if (digest == 0) revert ZeroDigest();
        if (_digests[department][digest] != 0) return;
        _digests[department][digest] = SafeCast.toUint64(block.number);
        _log(DigestRevoked.selector, department, digest, abi.encode(actor));
    }

    /// @inheritdoc IStatusRegistry
    function revokeRoot(bytes20 actor, bytes20 department, bytes32 root) external {
        _authorise(actor, department);
        if (root == 0) revert ZeroDigest();
        if (_roots[department][root] != 0) return;
        _roots[department][root] = SafeCast.toUint64(block.number);
        _log(RootRevoked.selector, department, root, abi.encode(actor));
    }

    /// @inheritdoc IStatusRegistry
    function wordOf(bytes20 department, uint32 list, uint32 wordIndex)
        external
        view
        returns (uint256)
    {
        return _words[department][list][wordIndex];
    }

    /// @inheritdoc IStatusRegistry
    function statusOf(bytes20 department, uint32 list, uint32 index)
        external
        view
        returns (uint8)
    {
        if (index >= MAX_ENTRIES) revert IndexTooLarge(index, MAX_ENTRIES - 1);
        return _statusIn(_words[department][list][index / ENTRIES_PER_WORD], _shiftOf(index));
    }

    /// @inheritdoc IStatusRegistry
    function digestRevokedAt(bytes20 department, bytes32 digest) external view returns (uint64) {
        return _digests[department][digest];
    }

    /// @inheritdoc IStatusRegistry
    function rootRevokedAt(bytes20 department, bytes32 root) external view returns (uint64) {
        return _roots[department][root];
    }

    /// @inheritdoc IStatusRegistry
    function departments() external view returns (IDepartmentRegistry) {
        return DEPARTMENTS;
    }

    function _authorise(bytes20 actor, bytes20 department) private {
        if (actor == 0) {
            _consumeCouncilAct();
            DEPARTMENTS.requireKnown(department);
        } else {
            DEPARTMENTS.requireActsFor(actor, department, Role.Status, msg.sender);
        }
    }

    function _set(bytes20 department, uint32 list, uint32 index, uint8 status) private {
        if (index >= MAX_ENTRIES) revert IndexTooLarge(index, MAX_ENTRIES - 1);
        uint32 wordIndex = index / ENTRIES_PER_WORD;
        uint256 shift = _shiftOf(index);
        uint256 word = _words[department][list][wordIndex];
        uint8 current = _statusIn(word, shift);
        if (current == status) return;
        if (current == REVOKED) revert AlreadyRevoked(department, list, index);
        _words[department][list][wordIndex] =
            (word & ~(uint256(3) << shift)) | (uint256(status) << shift);
    }

    function _shiftOf(uint32 index) private pure returns (uint256) {
        return 2 * uint256(index % ENTRIES_PER_WORD);
    }

    function _statusIn(uint256 word, uint256 shift) private pure returns (uint8) {
        return uint8((word >> shift) & 3);
    }
}
